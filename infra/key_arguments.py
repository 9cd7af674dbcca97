"""What `create_key` may be given: each refusal names the argument."""

from schemas.errors import FieldError, InvalidRequest
from schemas.keys import MAX_PER_HOUR, TIERS
from schemas.request import describe

MAX_NAME = 200


def check_name(name: object) -> str:
    """The name without surrounding blanks."""
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise _wrong("name", f"must be 1 to {MAX_NAME} printable characters", name)
    return name.strip()


def limits(
    rate_limit: int | None, tier: str | None, burst: int | None, default: tuple[int, int | None]
) -> tuple[int, int | None]:
    """Hourly limit and burst: the key's own, else its tier's, else the default.

    A burst of None is a tenth of the limit.
    """
    if tier is not None and tier not in TIERS:
        raise _wrong("tier", f"must be one of {', '.join(TIERS)}", tier)
    _check_tokens("rate_limit", rate_limit)
    _check_tokens("burst", burst)
    if rate_limit is not None:
        return rate_limit, burst
    if tier is not None:
        return TIERS[tier], burst
    per_hour, default_burst = default
    return per_hour, burst if burst is not None else default_burst


def _check_tokens(field: str, value: object) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PER_HOUR
    if value is not None and not whole:
        raise _wrong(field, f"must be a whole number of tokens from 1 to {MAX_PER_HOUR}", value)


def _wrong(field: str, reason: str, value: object) -> InvalidRequest:
    error = FieldError(field, reason, describe(value))
    return InvalidRequest(f"{field}: {reason}, not {error.got}", [error])
