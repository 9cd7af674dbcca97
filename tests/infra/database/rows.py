"""Rows as the sink hands them over, and a look at what is stored."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, text

from schemas.feedback import Feedback
from schemas.keys import ApiKey
from schemas.stored import ReceivedLabel, StoredPrediction, StoredShadow

MOMENT = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


def prediction(request_id: str, **changes: Any) -> StoredPrediction:
    answer: dict[str, Any] = {
        "status": "ok",
        "features": {"total_orders": 10, "total_revenue": 500.0},
        "predicted_probability": 0.75,
        "predicted_label": 1,
        "risk_score": 75.0,
        "error": None,
    }
    if changes.get("status", "ok") != "ok":
        answer = {**dict.fromkeys(answer), "error": {"code": "invalid", "message": "no"}}
    common: dict[str, Any] = {
        "row": 0,
        "entity": "c-42",
        "key_id": "abcdefghijk",
        "model": "churn",
        "model_version": "v1",
        "routing_strategy": "champion",
        "arm": "champion",
        "route_epoch": 3,
        "degraded": False,
        "latency_ms": 12.5,
        "requested_at": MOMENT,
        "scored_at": MOMENT,
    }
    return StoredPrediction(**{"request_id": request_id, **common, **answer, **changes})


def shadow_row(request_id: str, **changes: Any) -> StoredShadow:
    """A challenger's answer beside the same champion's 0.75; `probability` None for an error."""
    probability = changes.get("probability", 0.9)
    said = None if probability is None else int(probability > 0.5)
    fields: dict[str, Any] = {
        "row": 0,
        "version": "v2",
        "entity": "c-42",
        "model": "churn",
        "route_epoch": 3,
        "champion_version": "v1",
        "champion_arm": "champion",
        "champion_probability": 0.75,
        "champion_label": "1",
        "champion_latency_ms": 12.5,
        "probability": probability,
        "label": None if said is None else str(said),
        "latency_ms": None if probability is None else 1.0,
        "error": None,
        "error_id": None,
        "difference": None if probability is None else abs(0.75 - probability),
        "agrees": None if said is None else said == 1,
        "predictions": None,
        "requested_at": MOMENT,
        "scored_at": MOMENT,
    }
    return StoredShadow(**{"request_id": request_id, **fields, **changes})


def label(
    request_id: str, value: int, offset: int, *, topic: str = "feedback", partition: int = 0, row: int = 0
) -> ReceivedLabel:
    feedback = Feedback(request_id=request_id, label=value, row=row, source="crm")
    return ReceivedLabel(feedback, topic, partition, offset, MOMENT)


def api_key(key_id: str, **changes: Any) -> ApiKey:
    fields = {"name": "a key", "key_hash": "0" * 64, "sealed_signing_key": "sealed", "created_at": MOMENT}
    return ApiKey(key_id=key_id, **{**fields, **changes})


def stored(engine: Engine, query: str, **parameters: Any) -> list[Any]:
    """The query's rows; of one column, its values."""
    with engine.connect() as connection:
        rows = connection.execute(text(query), parameters).all()
    return [row[0] if len(row) == 1 else tuple(row) for row in rows]


def request_rows(engine: Engine, request_id: str, columns: str = "row, status") -> list[Any]:
    query = f"SELECT {columns} FROM prediction_feedback WHERE request_id = :id ORDER BY row"
    return stored(engine, query, id=request_id)
