"""Labelled predictions as a table to train on."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from infra.database.tables import Prediction
from schemas.errors import InvalidRequest, NotEnoughData

if TYPE_CHECKING:
    import pandas as pd

FETCHED_AT_ONCE = 5000


def labelled_frame(
    session: Session, min_samples: int, days_back: int, model_version: str | None, model: str | None
) -> "pd.DataFrame":
    """Features and `label`, oldest first, fetched in pieces through a server-side cursor.

    Raises NotEnoughData, and InvalidRequest where a feature is itself called `label`.
    """
    import pandas as pd

    session.execute(text("SET LOCAL statement_timeout = '10min'"))
    wanted = labelled(days_back, model_version, model)
    options = {"stream_results": True, "yield_per": FETCHED_AT_ONCE}
    frames = []
    for rows in session.execute(wanted, execution_options=options).partitions():
        frame = pd.DataFrame([features for features, _ in rows])
        if "label" in frame:
            raise InvalidRequest("a feature is called `label`, as the truth is here: rename it in the model")
        frames.append(frame.assign(label=[label for _, label in rows]))
    found = sum(map(len, frames))
    if found < max(min_samples, 1):
        raise NotEnoughData(found, max(min_samples, 1))
    return pd.concat(frames, ignore_index=True)


def labelled(days_back: int, model_version: str | None, model: str | None) -> Select[tuple[Any, Any]]:
    """The query: answered, labelled, scored within the last days."""
    query = (
        select(Prediction.features, Prediction.actual_label)
        .where(Prediction.status == "ok", Prediction.actual_label.is_not(None))
        .where(Prediction.scored_at >= func.now() - func.make_interval(0, 0, 0, days_back))
        .order_by(Prediction.scored_at, Prediction.request_id, Prediction.row)
    )
    if model_version is not None:
        query = query.where(Prediction.model_version == model_version)
    if model is not None:
        query = query.where(Prediction.model == model)
    return query
