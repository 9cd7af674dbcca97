"""Labelled predictions as a table to train on."""

from array import array
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from infra.database.frames import Columns
from infra.database.tables import Prediction
from schemas.errors import InvalidRequest, NotEnoughData

if TYPE_CHECKING:
    import pandas as pd

FETCHED_AT_ONCE = 5000


@dataclass(frozen=True)
class LabelledPredictions:
    """Features, 0 or 1 for each, and when each was scored, in epoch milliseconds; oldest first.

    first: when the first was scored. last_label: when the last truth came.
    """

    features: "pd.DataFrame"
    labels: npt.NDArray[np.int64]
    scored_ms: npt.NDArray[np.int64]
    first: datetime
    last_label: datetime


def labelled_frame(
    session: Session, min_samples: int, days_back: int, model_version: str | None, model: str | None
) -> "pd.DataFrame":
    """Features and `label`, oldest first, fetched in pieces through a server-side cursor.

    Raises NotEnoughData, and InvalidRequest where a feature is itself called `label`.
    """
    query = labelled().where(Prediction.scored_at >= func.now() - func.make_interval(0, 0, 0, days_back))
    if model_version is not None:
        query = query.where(Prediction.model_version == model_version)
    if model is not None:
        query = query.where(Prediction.model == model)
    found = _fetched(session, query, min_samples)
    if "label" in found.features:
        raise InvalidRequest("a feature is called `label`, as the truth is here: rename it in the model")
    return found.features.assign(label=found.labels)


def labelled_predictions(
    session: Session, model: str, first: datetime, cutoff: datetime, min_samples: int
) -> LabelledPredictions:
    """What a model answered from `first` on, of which the truth was known at the `cutoff`: the same rows whenever it is
    asked, unless a truth is revised.

    Raises NotEnoughData.
    """
    query = labelled().where(Prediction.model == model, Prediction.scored_at >= first)
    return _fetched(session, query.where(Prediction.labelled_at <= cutoff), min_samples)


def labelled() -> Select[Any]:
    """The query: features, truth, when it was scored and when the truth came, of what is answered and labelled."""
    return (
        select(Prediction.features, Prediction.actual_label, Prediction.scored_at, Prediction.labelled_at)
        .where(Prediction.status == "ok", Prediction.actual_label.is_not(None))
        .order_by(Prediction.scored_at, Prediction.request_id, Prediction.row)
    )


def _fetched(session: Session, query: Select[Any], min_samples: int) -> LabelledPredictions:
    session.execute(text("SET LOCAL statement_timeout = '10min'"))
    columns, labels, times, moments = Columns(), array("q"), array("q"), list[tuple[datetime, datetime]]()
    options = {"stream_results": True, "yield_per": FETCHED_AT_ONCE}
    for rows in session.execute(query, execution_options=options).partitions():
        columns.add([features for features, *_ in rows])
        labels.extend(int(label or 0) for _, label, *_ in rows)
        times.extend(int(scored_at.timestamp() * 1000) for _, _, scored_at, _ in rows)
        moments.append((rows[0][2], max(labelled_at or scored_at for _, _, scored_at, labelled_at in rows)))
    if columns.rows < max(min_samples, 1):
        raise NotEnoughData(columns.rows, max(min_samples, 1))
    first, last_label = moments[0][0], max(last for _, last in moments)
    truth, scored_ms = np.array(labels, dtype=np.int64), np.array(times, dtype=np.int64)
    return LabelledPredictions(columns.frame(), truth, scored_ms, first, last_label)
