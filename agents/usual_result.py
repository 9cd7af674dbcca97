"""A result in its usual form, one answer of a binary model, read at once into its row.

Most results are, and the sink's rate is how little it does for each. What is otherwise in any way comes back as None
and goes through the exact path; tests hold the two together.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal

from msgspec import DecodeError, Meta, Struct, defstruct
from msgspec.json import Decoder

from agents.result_rows import MAX_ENTITY
from schemas.moment import Moment
from schemas.stored import StoredPrediction

_TARGET = re.compile(rb'"predictions":\[[^\]]*\],"([^"]+)_probability":')

Value = float | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | str | bool | None


class _Usual(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Beside these stands `<target>_probability`, and nothing else."""

    request_id: str
    entity: str | None
    status: Literal["ok"]
    model: str | None = None
    model_version: str | None = None
    strategy: str | None = None
    arm: str | None = None
    route_epoch: int | None = None
    predictions: tuple[float, float]
    risk_score: float | None = None
    label: Annotated[int, Meta(ge=-(2**31), lt=2**31)] | None = None
    outlier: bool | None = None
    features: dict[str, Value]
    degraded: bool = False
    key_id: str | None = None
    latency_ms: float
    requested_at: Moment
    scored_at: Moment
    schema_version: int = 1


def usual_row(value: bytes) -> StoredPrediction | None:
    """The row of a result's JSON, or None."""
    told = _TARGET.search(value)
    if told is None or b"\\" in value:
        return None
    try:
        target, read = _reader(told[1])
        result = read(value)
    except (DecodeError, UnicodeDecodeError):
        return None
    return StoredPrediction(
        result.request_id,
        0,
        "ok",
        result.entity and result.entity[:MAX_ENTITY],
        result.key_id,
        result.model,
        result.model_version,
        result.strategy,
        result.arm,
        result.route_epoch,
        result.features,
        result.predictions[1],
        result.label,
        result.risk_score,
        None,
        result.degraded,
        result.latency_ms,
        result.requested_at,
        result.scored_at,
        {"target": target} if result.outlier is None else {"target": target, "outlier": result.outlier},
    )


@lru_cache(maxsize=64)
def _reader(target: bytes) -> tuple[str, Callable[[bytes], Any]]:
    name = target.decode()
    form = defstruct(
        "Usual",
        [("said", float)],
        bases=(_Usual,),
        rename={"said": f"{name}_probability"},
        kw_only=True,
        frozen=True,
        gc=False,
        forbid_unknown_fields=True,
    )
    return name, Decoder(form).decode
