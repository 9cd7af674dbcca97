"""Stored predictions, read from Postgres in threads, in the form of the result they were."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from infra.database import FeedbackRepository, create_db_session
from infra.database.transaction import in_transaction
from schemas.errors import Unavailable
from schemas.result import SCHEMA_VERSION
from streams.gateway.predictions import Predictions

PATIENCE_S = 3.0
AT_ONCE = 5
IN_LINE = 200
"""Look-ups that wait, those being read among them: a burst of this many is through within PATIENCE_S."""


class Row(Protocol):
    """One row of `prediction_feedback`."""

    request_id: str
    entity: str | None
    key_id: str | None
    model: str | None
    model_version: str | None
    status: str
    routing_strategy: str | None
    arm: str | None
    route_epoch: int | None
    predicted_probability: float | None
    predicted_label: int | None
    risk_score: float | None
    error: dict[str, Any] | None
    degraded: bool
    latency_ms: float
    requested_at: datetime
    scored_at: datetime
    extra: dict[str, Any] | None


def stored_predictions(
    engine: Engine, *, patience_s: float = PATIENCE_S, at_once: int = AT_ONCE, in_line: int = IN_LINE
) -> Predictions:
    """Reads one request's rows per call, each in a session of its own.

    A call raises Unavailable after `patience_s` seconds, and at once while `in_line` others wait. The `at_once` threads
    are its own: those that a frozen Postgres holds up are missed nowhere else.
    """
    threads = ThreadPoolExecutor(at_once, "stored-predictions")
    waiting = 0

    async def read(request_id: str, deadline: float) -> Mapping[str, Any] | None:
        return await in_transaction(engine, partial(_read, request_id), round(deadline - monotonic(), 1), threads)

    async def predictions(request_id: str) -> Mapping[str, Any] | None:
        nonlocal waiting
        if waiting >= in_line:
            raise Unavailable("postgres", f"{in_line} look-ups wait for it already")
        waiting += 1
        deadline = monotonic() + patience_s
        try:
            return await read(request_id, deadline)
        except Unavailable as error:
            if not getattr(error.__cause__, "connection_invalidated", False):
                raise
            return await read(request_id, deadline)  # that was a connection from before Postgres was started anew
        finally:
            waiting -= 1

    return predictions


def _read(request_id: str, connection: Connection) -> Mapping[str, Any] | None:
    with create_db_session(connection) as session:
        return as_result(FeedbackRepository(session).get_prediction(request_id))


def as_result(rows: Sequence[Row]) -> dict[str, Any] | None:
    """The result that these rows were stored from, None without any; several rows stand under `rows`.

    Rows that another key has under the same id are not shown: who has the first row has the id.
    """
    if not rows:
        return None
    first = rows[0]
    own = [row for row in rows if row.key_id == first.key_id]
    result = {
        "request_id": first.request_id,
        "entity": first.entity,
        "model": first.model,
        "model_version": first.model_version,
        "status": first.status,
        "strategy": first.routing_strategy,
        "arm": first.arm,
        "route_epoch": first.route_epoch,
        "degraded": first.degraded,
        "key_id": first.key_id,
        "latency_ms": first.latency_ms,
        "requested_at": _shown(first.requested_at),
        "scored_at": _shown(first.scored_at),
        "schema_version": SCHEMA_VERSION,
    }
    if first.status != "ok":
        return result | {"error": first.error}
    many = len(own) > 1 or (first.extra or {}).get("many", False)
    return result | ({"rows": [_answer(row) for row in own]} if many else _answer(first))


def _shown(moment: datetime) -> str:
    """As the answer had it."""
    return moment.isoformat(timespec="milliseconds")


def _answer(row: Row) -> dict[str, Any]:
    extra = row.extra or {}
    answer = _of_no_pair(row, extra) if "predictions" in extra else _of_pair(row, extra)
    return answer | {name: extra[name] for name in ("explanation", "outlier") if name in extra}


def _of_pair(row: Row, extra: Mapping[str, Any]) -> dict[str, Any]:
    """A binary model's answer."""
    probability = row.predicted_probability
    target = {f"{extra['target']}_probability": probability} if "target" in extra else {}
    return {
        "predictions": None if probability is None else [1.0 - probability, probability],
        **target,
        "risk_score": row.risk_score,
        "label": extra.get("label", row.predicted_label),
    }


def _of_no_pair(row: Row, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a model that is not binary."""
    predictions = [float(number) for number in extra["predictions"]]  # 1e20 comes back from Postgres as an integer
    if len(predictions) == 1:
        return {"predictions": predictions, f"{extra['target']}_value": predictions[0]}
    label = extra.get("label", row.predicted_label)
    return {
        "predictions": predictions,
        f"{extra['target']}_probability": row.predicted_probability,
        "label": label,
    }
