"""What lies on `outlier-events`: rows that look like none that their model was trained on, and rates of too many."""

from typing import Annotated, Literal
from uuid import UUID, uuid5

from msgspec import Meta, Struct
from msgspec.json import Decoder, Encoder

from schemas.moment import Moment
from schemas.reading import read_as
from schemas.result import SCHEMA_VERSION

_OUTLIERS = UUID("0d0f4a52-3a0b-5f3e-9c55-7e1b6a9d4c21")
"""Namespace of the ids that are made from a request's."""

Severity = Literal["info", "warning", "critical"]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]


class OddFeature(Struct, frozen=True, gc=False):
    """A feature that stands out. value: as it was scored. typical: the median in training, of texts the commonest.

    fall: of the outlier score, were the value typical.
    """

    feature: str
    value: float | str | None
    typical: float | str | None
    fall: float


class OutlierResult(Struct, frozen=True, gc=False):
    """One row above its model's threshold; features: those that stand out, the largest fall first, perhaps none."""

    detector: str
    score: Share
    threshold: float
    contamination: Share
    features: tuple[OddFeature, ...] = ()


class OutlierEvent(Struct, frozen=True, gc=False, tag_field="event_type", tag="outliers_detected"):
    """One outlier. event_id: the same however often the row is scored. row: its place in its request.

    timestamp: when the request was scored.
    """

    event_id: str
    request_id: str
    row: Count
    entity: str
    model: str
    model_version: str
    timestamp: Moment
    outlier_result: OutlierResult
    severity: Severity = "info"
    schema_version: int = SCHEMA_VERSION


class RateResult(Struct, frozen=True, gc=False):
    """A window's outliers. p_value: of a rate so high or higher by chance, were it the contamination."""

    detector: str
    rows: Count
    outliers: Count
    rate: Share
    contamination: Share
    p_value: Share
    first: Moment
    last: Moment


class OutlierRateEvent(Struct, frozen=True, gc=False, tag_field="event_type", tag="outlier_rate_high"):
    """More than twice as many outliers as configured."""

    event_id: str
    model: str
    model_version: str
    timestamp: Moment
    rate_result: RateResult
    severity: Severity = "warning"
    schema_version: int = SCHEMA_VERSION


encode_outlier = Encoder().encode
_decoder: Decoder[OutlierEvent | OutlierRateEvent] = Decoder(OutlierEvent | OutlierRateEvent)


def outlier_id(request_id: str, row: int, model_version: str) -> str:
    """The id of a row's event."""
    return str(uuid5(_OUTLIERS, f"{request_id} {row} {model_version}"))


def rate_id(model: str, version: str, window: str) -> str:
    """The id of the event of a window's rate."""
    return str(uuid5(_OUTLIERS, " ".join(map(repr, (model, version, window)))))


def read_outlier(value: bytes | None) -> OutlierEvent | OutlierRateEvent:
    """The event in a record. Raises Undecodable."""
    return read_as(_decoder, "an outlier event", value)
