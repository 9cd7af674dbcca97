"""API keys: their form, and what the `api-keys` topic holds of each."""

import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from schemas.errors import FieldError, InvalidRequest
from schemas.masked import API_KEY
from schemas.request import describe

Permission = Literal["predict", "monitor", "admin"]
PERMISSIONS: tuple[Permission, ...] = ("predict", "monitor", "admin")
TIERS = {"free": 100, "basic": 1000, "premium": 10_000, "enterprise": 100_000}
"""Requests per hour. An unknown tier behaves as basic."""

MAX_PER_HOUR = 10_000_000
DEFAULT_PER_HOUR = 1000
MAX_SHOWN = 40
"""Of a wrong value, characters or names that a refusal repeats."""

_KEY_WITHIN = re.compile(API_KEY)
_KEY_FORM = re.compile(rf"{API_KEY}\Z")


def new_api_key(*, test: bool = False) -> str:
    """A fresh key of 51 characters: prefix and 32 random bytes, URL-safe base64."""
    return f"sk_{'test' if test else 'live'}_{secrets.token_urlsafe(32)}"


def new_key_id() -> str:
    """A fresh key id of 11 URL-safe characters, the first no hyphen: commands would take it for an option."""
    while (key_id := secrets.token_urlsafe(8)).startswith("-"):
        pass
    return key_id


def hash_api_key(api_key: str) -> str:
    """Lower-case hex SHA-256 of the whole key."""
    return sha256(api_key.encode()).hexdigest()


def looks_like_key(text: str) -> bool:
    """Whether the text has the form of an API key (says nothing about its being known)."""
    return _KEY_FORM.match(text) is not None


def holds_key(text: str) -> bool:
    """Whether what has the form of an API key stands anywhere in the text."""
    return "sk_" in text and _KEY_WITHIN.search(text) is not None


KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{11}$")]


class ApiKey(BaseModel):
    """One key as it lies on the compacted topic and in Postgres: useless without the master secret.

    pooled: it spends from one bucket with the other pooled keys of its owner. family: the id of the first key of the
    line that rotation made it in, None for that first key. rotated_to: the id of its successor. test: it
    begins with sk_test_.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    key_id: KeyId
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
    owner: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    pooled: bool = False
    family: KeyId | None = None
    rotated_to: KeyId | None = None
    test: bool = False

    @model_validator(mode="after")
    def _a_pool_has_an_owner(self) -> Self:
        if self.pooled and self.owner is None:
            raise ValueError("a pooled key names its owner")
        return self

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

    @property
    def line(self) -> str:
        """The id that every key of a rotated line shares: the first one's."""
        return self.family or self.key_id

    @property
    def bucket(self) -> str:
        """The token bucket that it spends from: its owner's where it is pooled, else its line's."""
        return f"owner:{self.owner}" if self.pooled else self.line

    def revoked(self, moment: datetime) -> Self:
        """The same key, revoked from this moment on (an earlier revocation stands)."""
        return self if self.revoked_at is not None else self.model_copy(update={"revoked_at": moment})

    def ending(self, moment: datetime) -> Self:
        """The same key, expiring at this moment, or when it would anyway where that is sooner."""
        return self.model_copy(update={"expires_at": _sooner(moment, self.expires_at)})

    def after(self, earlier: Self) -> Self:
        """This state as the one that follows `earlier`: an end once set stands, whoever wrote without knowing of it."""
        if earlier.key_hash != self.key_hash:
            return self
        ends = {
            "expires_at": _sooner(self.expires_at, earlier.expires_at),
            "revoked_at": _sooner(self.revoked_at, earlier.revoked_at),
            "rotated_to": self.rotated_to or earlier.rotated_to,
        }
        return self.model_copy(update=ends)

    def public(self) -> dict[str, Any]:
        """What anyone who administers keys may see of it, as JSON values."""
        shown = self.model_dump(mode="json", exclude={"key_hash", "sealed_signing_key"})
        return {**shown, "permissions": sorted(self.permissions)}

    def digest(self) -> str:
        """Lower-case hex SHA-256 of the public record as JSON with sorted names, no blanks, in UTF-8."""
        text = json.dumps(self.public(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(text.encode()).hexdigest()


def _sooner(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


@dataclass(frozen=True, slots=True)
class Credential:
    """An API key and the key that signs its records, as opened under the master secret."""

    key: ApiKey
    signing_key: bytes = field(repr=False)


def check_permissions(names: object) -> frozenset[Permission]:
    """The permission set, or InvalidRequest with the known names."""
    known = ", ".join(PERMISSIONS)
    if not isinstance(names, list | tuple | set | frozenset) or not names:
        raise _wrong("permissions", f"give a list of at least one of {known}", names)
    unknown = sorted(str(name)[:MAX_SHOWN] for name in names if name not in PERMISSIONS)
    if unknown:
        raise _wrong("permissions", f"unknown {', '.join(unknown[:MAX_SHOWN])}; known are {known}", names)
    return frozenset(names)


def expiry(created_at: datetime, days: object) -> datetime | None:
    """The expiry instant, `days` x 86 400 s after creation; None never expires."""
    if days is None:
        return None
    shown = str(days)[:MAX_SHOWN]
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        reason = f"{shown} is not a whole number of days from 1 up; leave it out for no expiry"
        raise _wrong("expires_in_days", reason, days)
    try:
        return created_at + timedelta(days=days)
    except OverflowError:
        raise _wrong("expires_in_days", f"{shown} days reach past the calendar", days) from None


def _wrong(field: str, reason: str, value: object) -> InvalidRequest:
    return InvalidRequest(f"{field}: {reason}", [FieldError(field, reason, describe(value))])
