"""Where API keys lie: the compacted topic `api-keys`, key id -> key as JSON."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import ValidationError

from infra.compacted import read_compacted
from infra.kafka import publish
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.keys import ApiKey

_log = logging.getLogger("weir.keys")


class KeyStore(Protocol):
    """The keys, whichever way they are kept. Each call raises Unavailable while they cannot be reached."""

    def get(self, key_id: str) -> ApiKey | None: ...

    def all(self) -> Sequence[ApiKey]: ...

    def put(self, key: ApiKey) -> None: ...


class TopicKeyStore:
    """The keys on the compacted topic; every call reads it whole: for administration, not per request.

    options: of a confluent-kafka client.
    """

    def __init__(self, options: Mapping[str, Any], topic: str = "api-keys", timeout_s: float = 10.0) -> None:
        self._options = options
        self._topic = topic
        self._timeout_s = timeout_s

    def get(self, key_id: str) -> ApiKey | None:
        return self._read().get(key_id)

    def all(self) -> Sequence[ApiKey]:
        return list(self._read().values())

    def put(self, key: ApiKey) -> None:
        record = (key.key_id.encode(), key.model_dump_json().encode(), [(SCHEMA_VERSION, CURRENT_SCHEMA)])
        publish(self._options, self._topic, [record], self._timeout_s)

    def _read(self) -> dict[str, ApiKey]:
        values = read_compacted(self._options, self._topic, self._timeout_s)
        keys = (read_key(key_id.decode("utf-8", "replace"), value) for key_id, value in values.items())
        return {key.key_id: key for key in keys if key is not None}


def read_key(key_id: str, value: bytes) -> ApiKey | None:
    """The key in a record; None, with a warning in the log, where it is none or lies under another's id."""
    try:
        key = ApiKey.model_validate_json(value)
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) or "body" for item in error.errors()})
        _log.warning("key record %r is ignored: %s cannot be read", key_id[:32], ", ".join(fields))
        return None
    if key.key_id != key_id:
        _log.warning("key record %r is ignored: it describes another key", key_id[:32])
        return None
    return key
