"""API keys: their form, and what the `api-keys` topic holds of each."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.errors import InvalidRequest

Permission = Literal["predict", "monitor", "admin"]
PERMISSIONS: tuple[Permission, ...] = ("predict", "monitor", "admin")
TIERS = {"free": 100, "basic": 1000, "premium": 10_000, "enterprise": 100_000}
"""Requests per hour. An unknown tier behaves as basic."""

MAX_PER_HOUR = 10_000_000
DEFAULT_PER_HOUR = 1000

_KEY_FORM = re.compile(r"sk_(?:live|test)_[A-Za-z0-9_-]{43}\Z")


def new_api_key(*, test: bool = False) -> str:
    """A fresh key of 51 characters: prefix and 32 random bytes, URL-safe base64."""
    return f"sk_{'test' if test else 'live'}_{secrets.token_urlsafe(32)}"


def new_key_id() -> str:
    """A fresh key id of 11 URL-safe characters."""
    return secrets.token_urlsafe(8)


def hash_api_key(api_key: str) -> str:
    """Lower-case hex SHA-256 of the whole key."""
    return sha256(api_key.encode()).hexdigest()


def looks_like_key(text: str) -> bool:
    """Whether the text has the form of an API key (says nothing about its being known)."""
    return _KEY_FORM.match(text) is not None


class ApiKey(BaseModel):
    """One key as it lies on the compacted topic and in Postgres: useless without the master secret."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{11}$")]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    key_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    sealed_signing_key: Annotated[str, Field(repr=False)]
    permissions: frozenset[Permission] = frozenset({"predict"})
    rate_limit: Annotated[int, Field(ge=1, le=MAX_PER_HOUR)] = DEFAULT_PER_HOUR
    burst: Annotated[int, Field(ge=1, le=MAX_PER_HOUR)] | None = None
    tier: str = "basic"
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    def is_valid_at(self, moment: datetime) -> bool:
        """Not revoked, and valid up to and at the expiry instant."""
        if self.revoked_at is not None and moment >= self.revoked_at:
            return False
        return self.expires_at is None or moment <= self.expires_at

    def may(self, permission: str) -> bool:
        """Exact membership: admin implies nothing."""
        return permission in self.permissions

    @property
    def capacity(self) -> int:
        """Tokens in a full bucket: the burst, or a tenth of the hourly limit and at least one."""
        return self.burst if self.burst is not None else max(1, self.rate_limit // 10)

    def revoked(self, moment: datetime) -> Self:
        """The same key, revoked from this moment on (an earlier revocation stands)."""
        return self if self.revoked_at is not None else self.model_copy(update={"revoked_at": moment})


@dataclass(frozen=True, slots=True)
class Credential:
    """An API key and the key that signs its records, as opened under the master secret."""

    key: ApiKey
    signing_key: bytes = field(repr=False)


def check_permissions(names: object) -> frozenset[Permission]:
    """The permission set, or InvalidRequest with the known names."""
    known = ", ".join(PERMISSIONS)
    if not isinstance(names, list | tuple | set | frozenset) or not names:
        raise InvalidRequest(f"permissions: give a list of at least one of {known}")
    unknown = sorted(str(name) for name in names if name not in PERMISSIONS)
    if unknown:
        raise InvalidRequest(f"permissions: unknown {', '.join(unknown)}; known are {known}")
    return frozenset(names)


def expiry(created_at: datetime, days: int | None) -> datetime | None:
    """The expiry instant, `days` x 86 400 s after creation; None never expires."""
    if days is None:
        return None
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise InvalidRequest(
            f"expires_in_days: {days} is not a whole number of days from 1 up; leave it out for no expiry"
        )
    try:
        return created_at + timedelta(days=days)
    except OverflowError:
        raise InvalidRequest(f"expires_in_days: {days} days reach past the calendar") from None
