"""What lies on `drift-events`: an episode of a drift as it opens, gets worse and ends, with the case for each."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID, uuid5

from msgspec import Meta, Struct
from msgspec.json import Decoder, Encoder

from schemas.moment import Moment
from schemas.reading import read_as
from schemas.result import SCHEMA_VERSION

_EPISODES = UUID("f2c6a1de-0b57-5c1f-8d4e-64b9f07a3c58")
"""Namespace of the ids of episodes."""

Severity = Literal["info", "warning", "critical"]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Subject = Literal["feature", "prediction", "concept", "outliers"]
"""What drifts: what a model is given, what it answers, how often it is wrong, or how many rows are outliers."""
Phase = Literal["opened", "worsened", "resolved"]
Cause = Literal["schema_change", "single_producer", "broad_shift"]


class Bin(Struct, frozen=True, gc=False, omit_defaults=True):
    """Rows of both samples in one bin. low, high: of numbers, `low < x <= high`, left out where there is no end.

    where: `within` the reference's range, `below` or `above` it; a `category` of that label, or all others where it has
    none; `unseen` ones.
    """

    where: Literal["below", "within", "above", "category", "unseen"]
    reference: Count
    current: Count
    low: float | None = None
    high: float | None = None
    label: str | None = None


class StrangeRate(Struct, frozen=True, gc=False):
    """Shares of values that training did not have. risen: whether by more than chance and the rules allow."""

    kind: Literal["missing", "unseen", "out_of_range"]
    reference: Share
    current: Share
    risen: bool


class Weight(Struct, frozen=True, gc=False):
    """A feature's importance times its effect."""

    feature: str
    weight: float


class DriftResult(Struct, frozen=True, gc=False):
    """What the window said. drift_detected: of this feature; distance, p_value: of the test that decided.

    effect: the share of rows that moved, or that are outliers. distances: by every test. threshold: the corrected one,
    p-values up to which are drift; smallest_p: of all features. drifted_features: in this window. top_features:
    heaviest first. What could not be measured is null: in a window without values nothing is.
    """

    drift_detected: bool
    test: str
    p_value: Share | None
    distance: float | None
    effect: Share
    distances: Mapping[str, float]
    correction: str
    alpha: float
    threshold: float | None
    smallest_p: Share | None
    reference_rows: Count
    current_rows: Count
    bins: tuple[Bin, ...]
    rates: tuple[StrangeRate, ...]
    drifted_features: tuple[str, ...]
    top_features: tuple[Weight, ...]


class DriftEvent(Struct, frozen=True, gc=False):
    """One step of an episode. event_id: the episode's, the same in all its events, and after a replay.

    event_type: `drift_resolved` of the last, else `drift_detected`. feature: its name, or the answer's of predictions,
    or whose errors, of a concept: `error (served)`, or `outlier rate`. severity: the worst so far. timestamp: the end
    of the window. first_seen: the beginning of the first that drifted; windows: how many have. cause: the likely one,
    null where none stands out; source: whose rows they are, of a single producer.
    """

    event_id: str
    event_type: Literal["drift_detected", "drift_resolved"]
    phase: Phase
    severity: Severity
    model: str
    model_version: str
    subject: Subject
    feature: str
    timestamp: Moment
    first_seen: Moment
    windows: Count
    drift_result: DriftResult
    cause: Cause | None = None
    source: str | None = None
    schema_version: int = SCHEMA_VERSION


encode_drift = Encoder().encode
_decoder = Decoder(DriftEvent)


def episode_id(model: str, version: str, subject: Subject, feature: str, window: str) -> str:
    """The id of the episode that this window began."""
    parts = (model, version, subject, feature, window)
    return str(uuid5(_EPISODES, " ".join(map(repr, parts))))


def read_drift(value: bytes | None) -> DriftEvent:
    """The event in a record. Raises Undecodable."""
    return read_as(_decoder, "a drift event", value)
