"""What the sink hands to the store, and what the store could not take."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from schemas.drift_events import DriftEvent
from schemas.drift_windows import DriftWindow
from schemas.feedback import Feedback
from schemas.outlier_events import OutlierEvent, OutlierRateEvent
from schemas.performance import ModelPerformance

StoredEvent = DriftEvent | DriftWindow | OutlierEvent | OutlierRateEvent | ModelPerformance
"""What is stored as it comes: its fields are the columns of its table."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far one partition's log has been read, as the store keeps it.

    next_offset: the offset after the batch's last record.
    """

    topic: str
    partition: int
    next_offset: int


class StoredPrediction(Struct, frozen=True, gc=False):
    """One row of `prediction_feedback`.

    row: numbers the rows of one request from 0; they are handed over in this order, one after the other.
    """

    request_id: str
    row: int
    status: str
    entity: str | None
    key_id: str | None
    model: str | None
    model_version: str | None
    routing_strategy: str | None
    arm: str | None
    route_epoch: int | None
    features: Mapping[str, Any] | None
    predicted_probability: float | None
    predicted_label: int | None
    risk_score: float | None
    error: Mapping[str, Any] | None
    degraded: bool
    latency_ms: float
    requested_at: datetime
    scored_at: datetime
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StoredShadow:
    """One row of `shadow_predictions`.

    version, probability, label, latency_ms, error: the challenger's. predictions: `champion` and `challenger`, of
    models that are not binary.
    """

    request_id: str
    row: int
    version: str
    entity: str
    model: str
    route_epoch: int
    champion_version: str
    champion_arm: str
    champion_probability: float | None
    champion_label: str | None
    champion_latency_ms: float
    probability: float | None
    label: str | None
    latency_ms: float | None
    error: str | None
    error_id: str | None
    difference: float | None
    agrees: bool | None
    predictions: Mapping[str, Any] | None
    requested_at: datetime
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedLabel:
    """One label and where its record lies, which is what tells a replay from a revision."""

    feedback: Feedback
    topic: str
    partition: int
    offset: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """What the database will never take (a NUL character, a number out of range), or whose request id it has from
    another key.

    index: its place in what was handed over, of a request that of its first row. reason: for people, without the row's
    content, but for a request id that is taken. code: the `reason` of its dead letter.
    """

    index: int
    reason: str
    code: Literal["not_storable", "request_id_taken"] = "not_storable"
