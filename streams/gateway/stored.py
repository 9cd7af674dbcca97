"""Stored predictions, read from Postgres in a thread, in the form of the result they were."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Engine

from infra.database import FeedbackRepository, create_db_session
from schemas.result import SCHEMA_VERSION
from streams.gateway.predictions import Predictions


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
    requested_at: Any
    scored_at: Any
    extra: dict[str, Any] | None


def stored_predictions(engine: Engine) -> Predictions:
    """Reads one request's rows per call, each in a session of its own."""

    def read(request_id: str) -> Mapping[str, Any] | None:
        with create_db_session(engine) as session:
            return as_result(FeedbackRepository(session).get_prediction(request_id))

    async def predictions(request_id: str) -> Mapping[str, Any] | None:
        return await asyncio.to_thread(read, request_id)

    return predictions


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
        "requested_at": first.requested_at,
        "scored_at": first.scored_at,
        "schema_version": SCHEMA_VERSION,
    }
    if first.status != "ok":
        return result | {"error": first.error}
    many = len(own) > 1 or (first.extra or {}).get("many", False)
    return result | ({"rows": [_answer(row) for row in own]} if many else _answer(first))


def _answer(row: Row) -> dict[str, Any]:
    probability, extra = row.predicted_probability, row.extra or {}
    target = {f"{extra['target']}_probability": probability} if "target" in extra else {}
    return {
        "predictions": None if probability is None else [1.0 - probability, probability],
        **target,
        "risk_score": row.risk_score,
        "label": extra.get("label", row.predicted_label),
    }
