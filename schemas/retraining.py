"""What lies on `retraining-jobs`: a model's retraining from its cause to its end."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.json import Decoder, Encoder
from msgspec.structs import replace

from schemas.errors import WeirError
from schemas.moment import Moment
from schemas.reading import read_as
from schemas.result import SCHEMA_VERSION

State = Literal["pending", "running", "completed", "failed", "skipped"]
Trigger = Literal["manual", "drift", "loss", "online", "labels", "age", "schedule"]
STATES: tuple[State, ...] = get_args(State)
ENDS: frozenset[State] = frozenset({"completed", "failed", "skipped"})

_AFTER: Mapping[State, frozenset[State]] = {
    "pending": frozenset({"running", "failed", "skipped"}),
    "running": ENDS,
    **dict.fromkeys(ENDS, frozenset[State]()),
}
MAX_TOLD = 2000
"""Characters of a reason or an error."""


class IllegalTransition(WeirError, ValueError):
    """A job cannot go from the state it is in to another."""


class RetrainingJob(Struct, frozen=True, gc=False):
    """One retraining as it stands. The record's key is the model.

    trigger, reason, requested_by: what asked for it, in words, and who. champion_version: what the candidate was held
    against. candidate_version: what came of it, whether or not it passed the gate. rows, digest: what it learned from.
    result: the gate's verdict and both models' figures on the rows held out. error: why it failed or was skipped.
    """

    job_id: str
    model: str
    state: State
    trigger: Trigger
    reason: str
    requested_by: str
    requested_at: Moment
    started_at: Moment | None = None
    ended_at: Moment | None = None
    champion_version: str | None = None
    candidate_version: str | None = None
    rows: int | None = None
    digest: str | None = None
    result: Mapping[str, Any] | None = None
    error: str | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def is_over(self) -> bool:
        return self.state in ENDS

    def to(self, state: State, at: datetime, **facts: Any) -> "RetrainingJob":
        """The job in its next state. Raises IllegalTransition.

        facts: further fields. A text that is too long is cut.
        """
        if state not in _AFTER[self.state]:
            after = ", ".join(sorted(_AFTER[self.state])) or "nothing, it is over"
            raise IllegalTransition(f"job {self.job_id} is {self.state}: next comes {after}, not {state}")
        when = {"started_at": at} if state == "running" else {"ended_at": at}
        error = facts.get("error")
        cut = {} if error is None else {"error": error[:MAX_TOLD]}
        return replace(self, state=state, **when, **facts | cut)


encode_job = Encoder().encode
_decoder = Decoder(RetrainingJob)


def read_job(value: bytes | None) -> RetrainingJob:
    """The job in a record. Raises Undecodable."""
    return read_as(_decoder, "a retraining job", value)
