"""What the key manager may be given: each refusal names the argument."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.errors import FieldError, InvalidRequest
from schemas.keys import MAX_PER_HOUR, TIERS, ApiKey, holds_key
from schemas.request import describe

MAX_NAME = 200
MAX_REASON = 500
DEFAULT_TIER = "basic"
NOW = "now"
DAY = timedelta(days=1)
LONGEST_GRACE = timedelta(days=90)

_GRACE = re.compile(r"([0-9]{1,6})([smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Limits(NamedTuple):
    """What fills a bucket, named as a key's fields are.

    rate_limit: tokens per hour. burst: its size in tokens, a tenth of that where it is None.
    """

    rate_limit: int
    burst: int | None
    tier: str


def check_name(name: object, field: str = "name") -> str:
    """The name without surrounding blanks."""
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise wrong(field, f"must be 1 to {MAX_NAME} printable characters", name)
    _check_no_key(field, name)
    return name.strip()


def check_owner(owner: object, pooled: bool) -> str | None:
    """Whom a key belongs to; a pooled key must say."""
    if owner is not None:
        return check_name(owner, "owner")
    if pooled:
        raise wrong("owner", "must be given with pooled, which shares one bucket among the keys of an owner", owner)
    return None


def check_flag(field: str, value: object) -> bool:
    """True or false, and nothing that is taken for one."""
    if not isinstance(value, bool):
        raise wrong(field, "must be true or false", value)
    return value


def check_reason(reason: object) -> str:
    """Why somebody changes a key, as audit events keep it."""
    if not isinstance(reason, str) or len(reason) > MAX_REASON or not reason.isprintable():
        raise wrong("reason", f"must be at most {MAX_REASON} printable characters", reason)
    _check_no_key("reason", reason)
    return reason


def _check_no_key(field: str, text: str) -> None:
    if holds_key(text):
        raise wrong(field, "must hold no API key: it is kept and shown", text)


def check_in_force(key: ApiKey, now: datetime) -> None:
    """Refuses changes to a key that is revoked or expired."""
    if not key.is_valid_at(now):
        ended = "revoked" if key.revoked_at is not None else "expired"
        raise wrong("key_id", f"must be of a key in force, this one is {ended}: create a new one", key.key_id)


def check_grace(grace: object) -> timedelta:
    """How long a rotated key lives on: a timedelta, or text as `24h` (s, m, h, d) and `now`, which is none at all."""
    length = grace if isinstance(grace, timedelta) else _length(grace)
    if length is None or not timedelta(0) <= length <= LONGEST_GRACE:
        raise wrong("grace", f"must be `now`, or a time up to {LONGEST_GRACE.days}d as 30m, 24h or 7d", grace)
    return length


def _length(grace: object) -> timedelta | None:
    if grace == NOW:
        return timedelta(0)
    found = _GRACE.match(grace) if isinstance(grace, str) else None
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})


def limits(rate_limit: int | None, tier: str | None, burst: int | None, default: tuple[int, int | None]) -> Limits:
    """Hourly limit and burst: the key's own, else its tier's, else the default."""
    if tier is not None and (not isinstance(tier, str) or tier not in TIERS):
        raise wrong("tier", f"must be one of {', '.join(TIERS)}", tier)
    _check_tokens("rate_limit", rate_limit)
    _check_tokens("burst", burst)
    if rate_limit is not None:
        return Limits(rate_limit, burst, tier or DEFAULT_TIER)
    if tier is not None:
        return Limits(TIERS[tier], burst, tier)
    per_hour, default_burst = default
    return Limits(per_hour, burst if burst is not None else default_burst, DEFAULT_TIER)


def pool_limits(shared: ApiKey, rate_limit: int | None, tier: str | None, burst: int | None) -> Limits:
    """The limits of the bucket that this key shares. Raises InvalidRequest where others are asked for."""
    asked = {"rate_limit": rate_limit, "tier": tier, "burst": burst}
    for field, has in {"rate_limit": shared.rate_limit, "tier": shared.tier, "burst": shared.capacity}.items():
        if asked[field] is not None and asked[field] != has:
            reason = f"must be left out, or {has} as the pool has it: `weir keys tier` changes it for all of its keys"
            raise wrong(field, reason, asked[field])
    return Limits(shared.rate_limit, shared.burst, shared.tier)


def changed_limits(key: ApiKey, rate_limit: int | None, tier: str | None, burst: int | None) -> Limits:
    """The limits of a key that is given these anew; a burst alone leaves the rest."""
    if rate_limit is None and tier is None and burst is None:
        raise wrong("tier", "must be given, or a rate_limit or a burst", None)
    asked = limits(rate_limit, tier, burst, (key.rate_limit, None))
    return asked if tier is not None else asked._replace(tier=key.tier)


def _check_tokens(field: str, value: object) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PER_HOUR
    if value is not None and not whole:
        raise wrong(field, f"must be a whole number of tokens from 1 to {MAX_PER_HOUR}", value)


def wrong(field: str, reason: str, value: object) -> InvalidRequest:
    """The refusal of one argument."""
    error = FieldError(field, reason, describe(value))
    return InvalidRequest(f"{field}: {reason}, not {error.got}", [error])
