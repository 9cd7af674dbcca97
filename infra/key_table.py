"""The last state of each key, fed record by record from the `api-keys` topic."""

import logging

from pydantic import ValidationError

from schemas.keys import ApiKey
from schemas.masked import masked

_log = logging.getLogger("weir.keys")


class KeyTable:
    """Key id -> key, in the order in which they first came.

    The topic has many writers and no lock: one that read a key before another revoked it may write it afterwards. An
    end that was set stands all the same. lost_ends: the last record of each key where that lacks one.
    """

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.lost_ends: dict[str, ApiKey] = {}

    def update(self, key_id: str, value: bytes | None) -> bool:
        """Takes over one record, a key as JSON, or None, which removes it. False where it is no key: it is ignored."""
        key = None if value is None else read_key(key_id, value)
        if key is None and value is not None:
            return False
        known = self.keys.get(key_id)
        self.lost_ends.pop(key_id, None)
        if key is None:
            self.keys.pop(key_id, None)
            return True
        self.keys[key_id] = kept = key if known is None else key.after(known)
        if kept != key:
            self.lost_ends[key_id] = key
        return True


def read_key(key_id: str, value: bytes) -> ApiKey | None:
    """The key in a record; None, with a warning in the log, where it is none or lies under another's id."""
    try:
        key = ApiKey.model_validate_json(value)
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) or "body" for item in error.errors()})
        _log.warning("key record %r is ignored: %s cannot be read", masked(key_id)[:32], ", ".join(fields))
        return None
    if key.key_id != key_id:
        _log.warning("key record %r is ignored: it describes another key", masked(key_id)[:32])
        return None
    return key
