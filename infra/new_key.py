"""A new API key: its plain text for once, and the record that is kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from infra.sealing import Sealer
from schemas.keys import ApiKey, hash_api_key, new_api_key, new_key_id
from schemas.signing import signing_key

KEPT = ("name", "permissions", "rate_limit", "burst", "tier", "owner", "pooled", "test")
"""What a rotated key passes on."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, and its plain text, which is kept nowhere and cannot be shown again."""

    api_key: str = field(repr=False)
    key: ApiKey

    def __iter__(self) -> Iterator[Any]:
        return iter((self.api_key, self.key))


class Terms(TypedDict, total=False):
    """What a new key may be given besides. pooled: it shares one bucket with its owner's other pooled keys."""

    tier: str | None
    burst: int | None
    owner: str | None
    pooled: bool
    test: bool


def make_key(sealer: Sealer, now: datetime, *, test: bool, **facts: Any) -> NewKey:
    """A key with a fresh id, sealed."""
    api_key, key_id = new_api_key(test=test), new_key_id()
    sealed = sealer.seal(key_id, signing_key(api_key))
    key = ApiKey(
        key_id=key_id,
        key_hash=hash_api_key(api_key),
        sealed_signing_key=sealed,
        created_at=now,
        test=test,
        **facts,
    )
    return NewKey(api_key, key)


def successor(sealer: Sealer, now: datetime, old: ApiKey) -> NewKey:
    """The next key of a line: the same rights, limits and bucket, and the lifetime that the old one began with."""
    ends = None if old.expires_at is None else now + (old.expires_at - old.created_at)
    return make_key(sealer, now, **{name: getattr(old, name) for name in KEPT}, expires_at=ends, family=old.line)
