"""The guide's repository: predictions and their ground truth, one call at a time."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.database import statements as sql
from infra.database.committing import committing
from infra.database.retraining import labelled_frame
from infra.database.tables import LabelRevision, Prediction
from schemas.errors import InvalidRequest
from schemas.feedback import read_feedback
from schemas.request import describe as describe_value
from schemas.request import is_request_id

if TYPE_CHECKING:
    import pandas as pd


class Details(TypedDict, total=False):
    """What a stored prediction may say besides."""

    row: int
    status: str
    entity: str | None
    key_id: str | None
    model: str | None
    arm: str | None
    route_epoch: int | None
    error: Mapping[str, Any] | None
    degraded: bool
    requested_at: datetime
    scored_at: datetime
    metadata: Mapping[str, Any] | None


class FeedbackRepository:
    """Predictions and labels in one session; every method commits, and rolls back before it raises.

    Each raises Unavailable while Postgres does not answer.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def store_prediction(
        self,
        *,
        request_id: str,
        features: Mapping[str, Any],
        predicted_probability: float,
        predicted_label: int,
        risk_score: float,
        model_version: str,
        routing_strategy: str | None = None,
        latency_ms: float = 0.0,
        **details: Unpack[Details],
    ) -> Prediction:
        """The stored row: an `ok` row that is there already is left as it is and returned.

        Raises InvalidRequest for what the table cannot hold: a probability outside 0..1, NaN, a NUL.
        """
        if not is_request_id(request_id.encode()):
            raise InvalidRequest(f"request_id: {describe_value(request_id)} has not the form of one")
        now = datetime.now(UTC)
        defaults = {"row": 0, "status": "ok", "degraded": False, "requested_at": now, "scored_at": now}
        row = _as_json(
            {
                **defaults,
                **details,
                "request_id": request_id,
                "features": features,
                "predicted_probability": predicted_probability,
                "predicted_label": predicted_label,
                "risk_score": risk_score,
                "model_version": model_version,
                "routing_strategy": routing_strategy,
                "latency_ms": latency_ms,
            }
        )
        with committing(self._session):
            self._session.execute(sql.SHARE_JOIN)
            self._session.execute(sql.UPSERT_PREDICTIONS, {"rows": f"[{row}]"})
            place = (request_id, details.get("row", 0))
            return self._session.get_one(Prediction, place, populate_existing=True)

    def update_feedback(
        self,
        *,
        request_id: str,
        actual_label: int,
        row: int = 0,
        source: str = "api",
        observed_at: datetime | None = None,
    ) -> Prediction:
        """The labelled row; another label than before is kept as a revision, the same again changes nothing.

        Raises InvalidRequest for a label other than 0 and 1 and for other fields that ground truth may not have, and
        for a prediction that is not stored or not of a binary model.
        """
        label = _checked_label(actual_label)
        _check_feedback(request_id=request_id, label=label, row=row, source=source, observed_at=observed_at)
        now = datetime.now(UTC)
        with committing(self._session):
            self._session.execute(sql.OWN_JOIN)
            stored = self._session.get(Prediction, (request_id, row), populate_existing=True)
            if stored is None:
                raise InvalidRequest(
                    f"no prediction {describe_value(request_id)} row {row}: store it first, or send the "
                    "label to the feedback topic, where it waits for its prediction"
                )
            if "predictions" in (stored.extra or {}):
                raise InvalidRequest(
                    f"the prediction {describe_value(request_id)} is not of a binary model: ground truth is kept for "
                    "those only so far"
                )
            if stored.actual_label != label:
                now = max(now, stored.labelled_at or now)  # the broker's clock may be ahead
                stored.actual_label, stored.label_source, stored.labelled_at = label, source, now
                revision = LabelRevision(request_id=request_id, row=row, label=label, source=source)
                revision.observed_at, revision.received_at = observed_at, now
                self._session.add(revision)
        return stored

    def get_prediction(self, request_id: str) -> Sequence[Prediction]:
        """All rows of one request in order; none where it is unknown."""
        wanted = select(Prediction).where(Prediction.request_id == request_id).order_by(Prediction.row)
        with committing(self._session):
            return self._session.scalars(wanted, execution_options={"populate_existing": True}).all()

    def get_feedback_for_retraining(
        self,
        min_samples: int = 10_000,
        days_back: int = 90,
        model_version: str | None = None,
        model: str | None = None,
    ) -> "pd.DataFrame":
        """The features and `label` of every labelled prediction of the last days, oldest first.

        Raises NotEnoughData for fewer than `min_samples` rows.
        """
        with committing(self._session):
            return labelled_frame(self._session, min_samples, days_back, model_version, model)


def _as_json(row: Mapping[str, Any]) -> str:
    try:
        return json.dumps(row, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"the prediction has no JSON form: {error}") from error


def _plain(value: Any) -> Any:
    """Dates, and the scalars that NumPy and ONNX answer with."""
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _check_feedback(**fields: Any) -> None:
    """What the topic would refuse is refused here too."""
    try:
        read_feedback({name: value.item() if hasattr(value, "item") else value for name, value in fields.items()})
    except InvalidRequest as error:
        named = "; ".join(f"{wrong.field} {wrong.reason}, got {wrong.got}" for wrong in error.fields)
        raise InvalidRequest(named, error.fields) from None


def _checked_label(label: Any) -> int:
    if isinstance(label, bool) or label not in (0, 1):
        raise InvalidRequest(f"actual_label: {describe_value(label)} is not one of the classes 0 and 1")
    return int(label)
