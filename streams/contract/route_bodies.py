"""What callers of /router, /models and /predict send and are answered."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.control import Promote, Ramp, Reason, Rollback
from schemas.moment import Moment
from schemas.registry import EntryStatus
from schemas.result import PredictionResult
from schemas.routes import Revision, RoutePlan, StrategyName, Word

Ratio = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]


def part(of: type[BaseModel], name: str, about: str, kept: Sequence[str], **other: Any) -> type[BaseModel]:
    """A message of some fields of another, under a name of its own. other: fields that are otherwise there."""
    shared: dict[str, Any] = {field: (of.model_fields[field].annotation, of.model_fields[field]) for field in kept}
    made: type[BaseModel] = create_model(name, __config__=of.model_config, __doc__=about, **{**shared, **other})
    return made


_SHOWN = [name for name in PredictionResult.model_fields if name not in ("key_id", "features")]

Prediction = part(
    PredictionResult,
    "Prediction",
    "How one's request ended; `<target>_probability` or `<target>_value` stands beside these. A request of several "
    "rows has `rows` in place of the fields of a single answer.",
    _SHOWN,
)
Answered = part(
    PredictionResult,
    "Answered",
    "The result of a request that was scored; `<target>_probability` or `<target>_value` stands beside these. A "
    "request of several rows has `rows` in place of the fields of a single answer.",
    [name for name in _SHOWN if name != "error"],
    status=(Literal["ok"], ...),
    entity=(str, ...),
    model=(str, ...),
    model_version=(str, ...),
    strategy=(str, ...),
    arm=(str, ...),
    route_epoch=(int, ...),
    degraded=(bool, ...),
    schema_version=(int, ...),
)

NAMED = (Annotated[str | None, Field(description="May be left out where one route exists.")], None)
Promotion = part(
    Promote, "Promotion", "Lets the candidate serve everything.", ("version", "force", "reason"), model=NAMED
)
ReturnToBefore = part(Rollback, "ReturnToBefore", "Undoes the last change.", ("if_epoch", "reason"), model=NAMED)
NextStep = part(Ramp, "NextStep", "Takes a canary's next step.", ("force", "reason"), model=NAMED)

VERBS: Mapping[str, type[BaseModel]] = {"promote": Promotion, "rollback": ReturnToBefore, "ramp": NextStep}
"""Path -> what its body may be."""


class RouteChange(RoutePlan):
    """A plan, with the epoch that it is to follow and the reason beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    if_epoch: Annotated[int, Field(ge=0, strict=True)] | None = None
    reason: Reason | None = None


class RouteShown(Revision):
    """A route as it is now."""

    model: Word


class RouteList(Struct):
    """By the model's name."""

    routes: list[RouteShown]


class RouteHistory(Struct):
    """A route's last changes, the newest first."""

    model: str
    revisions: list[Revision]


class VersionShown(Struct):
    """A version of a model, and its arm in the route, null where it has none."""

    name: str
    version: str
    status: EntryStatus
    at: Moment
    actor: str
    reason: str | None
    digest: str | None
    algorithm: str | None
    metrics: Mapping[str, Any]
    arm: str | None
    weight: Ratio | None


class ModelShown(Struct):
    """A model and its versions."""

    name: str
    versions: list[VersionShown]


class ModelList(Struct):
    """By name."""

    models: list[ModelShown]


class ArmFigures(Struct):
    """What an arm served callers and was evaluated on beside; ratios are 0 without traffic, latencies null."""

    arm: str
    version: str
    weight: Ratio
    served: Count
    evaluated: Count
    entities: Count
    errors: Count
    error_ratio: Ratio
    slow_ratio: Ratio
    p50_ms: float | None
    p99_ms: float | None
    labels: Count
    accuracy: Ratio
    brier: float


class RouteFigures(Struct):
    """What was counted on a route since its plan came to be, at epoch `since_epoch`."""

    model: str
    strategy: StrategyName
    epoch: int
    since_epoch: int
    arms: list[ArmFigures]


class ShadowFigures(Struct):
    """How challengers did beside the champion; latest_only: of so many rows that only the latest were looked at."""

    model: str
    epoch: int
    since_epoch: int
    latest_only: bool
    status: Literal["ok", "no_data"]
    challengers: list[Mapping[str, Any]]
