"""The rows that a result becomes in Postgres."""

from collections.abc import Sequence
from typing import Any, TypeGuard

from schemas.result import PredictionResult, RowResult
from schemas.stored import StoredPrediction

MAX_ENTITY = 256
BINARY = 2
"""Predictions that a binary model gives; its row holds the second, as the first follows from it."""


def stored_rows(result: PredictionResult) -> list[StoredPrediction]:
    """One per answer, or a single one without an answer."""
    if result.status != "ok":
        return [_row(result, 0, None)]
    if result.rows is not None:
        return [_row(result, number, answer) for number, answer in enumerate(result.rows)]
    return [_row(result, 0, result)]


def _row(result: PredictionResult, number: int, answer: PredictionResult | RowResult | None) -> StoredPrediction:
    label = answer.label if answer else None
    probability = probability_of(answer.predictions) if answer and answer.predictions else None
    return StoredPrediction(
        request_id=result.request_id,
        row=number,
        status=result.status,
        entity=result.entity[:MAX_ENTITY] if result.entity else result.entity,
        key_id=result.key_id,
        model=result.model,
        model_version=result.model_version,
        routing_strategy=result.strategy,
        arm=result.arm,
        route_epoch=result.route_epoch,
        features=answer.features if answer else None,
        predicted_probability=probability,
        predicted_label=label if _fits_column(label) else None,
        risk_score=answer.risk_score if answer else None,
        error=result.error.model_dump(mode="json", exclude_none=True) if result.error else None,
        degraded=result.degraded,
        latency_ms=result.latency_ms,
        requested_at=result.requested_at,
        scored_at=result.scored_at,
        metadata=_metadata(result, answer) if answer else None,
    )


def probability_of(predictions: Sequence[float]) -> float | None:
    """Of two classes the positive one's, of several the answered one's; a regression has none."""
    if len(predictions) == BINARY:
        return predictions[-1]
    return max(predictions) if len(predictions) > BINARY else None


def _fits_column(label: int | str | None) -> TypeGuard[int]:
    return isinstance(label, int) and -(2**31) <= label < 2**31


def _metadata(result: PredictionResult, answer: PredictionResult | RowResult) -> dict[str, Any]:
    """What it takes to show the answer again as it was given, and no column holds."""
    metadata: dict[str, Any] = {}
    ending = "_value" if answer.predictions and len(answer.predictions) < BINARY else "_probability"
    for name in answer.model_extra or ():
        if name.endswith(ending):
            metadata["target"] = name.removesuffix(ending)
    if answer.label is not None and not _fits_column(answer.label):
        metadata["label"] = answer.label
    if answer.predictions and len(answer.predictions) != BINARY:
        metadata["predictions"] = list(answer.predictions)
    if answer.explanation is not None:
        metadata["explanation"] = answer.explanation
    if answer.outlier is not None:
        metadata["outlier"] = answer.outlier
    if result.rows is not None:
        metadata["many"] = True
    return metadata
