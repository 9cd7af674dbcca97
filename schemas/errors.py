"""The error tree.

WeirError
├── InvalidRequest      the caller's input is wrong: names every offending field
├── Undecodable         bytes that are no message: carries the reason code of the dead letter
├── Refused             the caller may not do this: unauthorized or forbidden
├── Unavailable         a dependency is down: wait, retry, lose nothing
├── BadSettings         the process cannot start like this: one message names every bad value
├── BundleRefused       a model bundle that must not serve
└── NotEnoughData       fewer labelled rows than asked for
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.masked import masked

MAX_MESSAGE = 4096
"""Characters: what a record says of itself must not make its result or its dead letter too large to send."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One offending field: where it is, what came, what is allowed; without the API keys that it may hold."""

    field: str
    reason: str
    got: str

    def __post_init__(self) -> None:
        for name in ("field", "reason", "got"):
            object.__setattr__(self, name, masked(getattr(self, name)))

    def as_json(self) -> dict[str, str]:
        return {"field": self.field, "reason": self.reason, "got": self.got}


class WeirError(Exception):
    """Root of every error that Weir raises on purpose; none shows an API key that its message may hold."""

    def __init__(self, message: str) -> None:
        super().__init__(masked(message))


class InvalidRequest(WeirError):
    """The request was read but breaks the model's signature or the message's form.

    fields: every offending field, in the signature's order.
    """

    def __init__(self, message: str, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class Undecodable(WeirError):
    """The bytes are not a message of the expected form.

    reason: short code, the `reason` of the dead letter (`too_large`, `too_deep`, `not_json`, ...).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Refused(WeirError):
    """The caller is unknown (`unauthorized`) or lacks the permission (`forbidden`).

    why: what made the caller unknown, for the operator's metrics; no caller is told.
    """

    def __init__(self, status: str, message: str, why: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.why = why


class Unavailable(WeirError):
    """A dependency does not answer.

    dependency: `kafka`, `redis`, `postgres`, `secrets`, `model store` or `webhook`.
    """

    def __init__(self, dependency: str, message: str) -> None:
        super().__init__(f"{dependency}: {message}")
        self.dependency = dependency


class BadSettings(WeirError):
    """The process cannot start with these settings; the message lists every one that is wrong."""


class BundleRefused(WeirError):
    """A model bundle is incomplete, altered or unsafe, and was not loaded."""


class NotEnoughData(WeirError):
    """Fewer labelled rows than asked for.

    found, needed: row counts.
    """

    def __init__(self, found: int, needed: int) -> None:
        super().__init__(
            f"{found} labelled rows found, {needed} needed: wait for more ground truth, "
            "widen days_back or lower min_samples"
        )
        self.found = found
        self.needed = needed
