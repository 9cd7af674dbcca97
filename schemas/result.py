"""The one terminal event of every request, as it lies on `prediction-results` and in the caller's reply."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from msgspec import UNSET, UnsetType, defstruct
from msgspec.json import Encoder
from pydantic import AwareDatetime, BaseModel, ConfigDict

from schemas.answers import ANSWER, Task, answer_names
from schemas.errors import MAX_MESSAGE, FieldError
from schemas.request import MAX_NAMED
from schemas.wire import MAX_RECORD_BYTES

Status = Literal["ok", "unauthorized", "forbidden", "rate_limited", "invalid", "expired", "error"]
STATUSES: tuple[Status, ...] = (
    "ok",
    "unauthorized",
    "forbidden",
    "rate_limited",
    "invalid",
    "expired",
    "error",
)
SCHEMA_VERSION = 1
MAX_NAME = 128
MAX_RESULT_BYTES = MAX_RECORD_BYTES - 32 * 1024
"""A result's; the rest is room for its key (1 KiB), the headers it carries on (16 KiB) and the record's frame.

What a request of 1 MiB asks for fits: its features come back as 23/9 of what they were at most (`"a":1e15,` as
`"a":1000000000000000.0,`), which are 2.6 MiB, and MAX_ROWS answers of 190 bytes add 0.4 MiB. The third that is left
takes a target and a class with names of 500 bytes together, or twenty classes; beyond that the request ends as an
`error`.
"""
LAST_MS = 253_402_300_799_999
"""The calendar's last millisecond, of the year 9999."""


class ErrorField(BaseModel):
    """One offending field of a refused request."""

    model_config = ConfigDict(frozen=True)

    field: str
    reason: str
    got: str


class ResultError(BaseModel):
    """Why a request was not answered. `code` is for programs, `message` for people."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    fields: tuple[ErrorField, ...] | None = None
    error_id: str | None = None


class RowResult(BaseModel):
    """One row's answer; the results topic adds the features as scored."""

    model_config = ConfigDict(frozen=True, extra="allow")

    predictions: tuple[float, ...]
    risk_score: float | None = None
    label: int | str | None = None
    outlier: bool | None = None
    features: dict[str, Any] | None = None
    explanation: dict[str, Any] | None = None


class PredictionResult(BaseModel):
    """What a reader of results or replies finds. Readers ignore fields they do not know.

    `<target>_probability`, or `<target>_value` of a regression, stands beside these under the target's own name.
    Which of the answer's fields there are depends on the model's task, see `schemas.answers`. A request of several
    rows has `rows` in place of the fields of a single answer.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    request_id: str
    entity: str | None
    status: Status
    model: str | None = None
    model_version: str | None = None
    strategy: str | None = None
    arm: str | None = None
    route_epoch: int | None = None
    predictions: tuple[float, ...] | None = None
    risk_score: float | None = None
    label: int | str | None = None
    outlier: bool | None = None
    rows: tuple[RowResult, ...] | None = None
    features: dict[str, Any] | None = None
    explanation: dict[str, Any] | None = None
    error: ResultError | None = None
    degraded: bool = False
    key_id: str | None = None
    latency_ms: float
    requested_at: AwareDatetime
    scored_at: AwareDatetime
    schema_version: int = SCHEMA_VERSION


encode_result = Encoder().encode
"""JSON of a result; `msgspec.Raw` in it goes through as it is."""


@lru_cache(maxsize=64)
def single_result(target: str, task: Task = "binary") -> type[Any]:
    """The class of a model's answers to single rows, which is most of what is ever encoded.

    Made by the scorer with the fields that have no default, in this order; the others are set as they become known.
    Without `key_id` and `features` it is the caller's reply.
    """
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("request_id", str),
        ("entity", str),
        ("status", str),
        ("model", str),
        ("model_version", str),
        ("strategy", str),
        ("arm", str),
        ("route_epoch", int),
        *ANSWER[task].items(),
        ("degraded", bool, False),
        ("latency_ms", int, 0),
        ("requested_at", str, ""),
        ("scored_at", str, ""),
        ("schema_version", int, SCHEMA_VERSION),
        ("key_id", str | UnsetType, UNSET),
        ("features", Any, UNSET),
        ("explanation", Any, UNSET),
        ("outlier", bool | UnsetType, UNSET),
    ]
    shown = dict(zip(ANSWER[task], answer_names(task, target), strict=True))
    return defstruct("SingleResult", fields, rename=shown, gc=False)


def refusal(code: str, message: str, **more: Any) -> dict[str, Any]:
    """The `error` of a result that is not ok."""
    return {"code": code, "message": message[:MAX_MESSAGE], **more}


def named(fields: Sequence[FieldError]) -> list[dict[str, str]]:
    """The offending fields as a result shows them; past MAX_NAMED the last entry says how many more there are."""
    shown = [{**field.as_json(), "field": field.field[:MAX_NAME]} for field in fields[:MAX_NAMED]]
    if len(fields) > MAX_NAMED:
        shown.append({"field": "...", "reason": f"and {len(fields) - MAX_NAMED} more", "got": ""})
    return shown


@lru_cache(maxsize=8192)
def instant(epoch_ms: int) -> str:
    """RFC 3339 text of a moment in UTC, held within 1970 and LAST_MS; the records of one batch share few of them."""
    return datetime.fromtimestamp(min(max(epoch_ms, 0), LAST_MS) / 1000, UTC).isoformat(timespec="milliseconds")


def result_body(
    outcome: Mapping[str, Any],
    request_id: str,
    entity: str | None,
    status: Status,
    degraded: bool,
    requested_ms: int,
    scored_ms: int,
) -> dict[str, Any]:
    """A reply as plain JSON-able data, the hot path's way around pydantic; the result adds key id and features.

    outcome: the fields that only this status has. requested_ms, scored_ms: epoch milliseconds.
    """
    return {
        "request_id": request_id,
        "entity": entity,
        "status": status,
        **outcome,
        "degraded": degraded,
        "latency_ms": scored_ms - requested_ms,
        "requested_at": instant(requested_ms),
        "scored_at": instant(scored_ms),
        "schema_version": SCHEMA_VERSION,
    }
