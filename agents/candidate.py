"""What admission makes of a record."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from schemas.keys import ApiKey
from schemas.message import Record
from schemas.quota import Decision
from schemas.request import PredictionRequest
from schemas.result import Status


class Candidate(Struct, gc=False):
    """A record whose sender is known and whose request can be read; the limiter's decision is added to it."""

    record: Record
    headers: Mapping[str, bytes]
    request_id: str
    key: ApiKey
    request: PredictionRequest
    body_digest: str
    expired: bool
    decision: Decision | None = None

    @property
    def entity(self) -> str:
        return self.request.entity

    @property
    def key_id(self) -> str:
        return self.key.key_id


class Refusal(Struct, frozen=True, gc=False):
    """A record that gets no prediction.

    request_id: None where the record names none, and then there is no terminal event, only a dead letter.
    dead_letter: its reason code, or None where the record is in order and only its sender was refused.
    doubt: why its sender is unknown, an `agents.admit.Doubt`; for the operator, no caller is told.
    """

    record: Record
    headers: Mapping[str, bytes]
    status: Status
    error: Mapping[str, Any]
    request_id: str | None = None
    entity: str | None = None
    key_id: str | None = None
    decision: Decision | None = None
    dead_letter: str | None = None
    doubt: str | None = None
