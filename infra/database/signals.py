"""What tells that a model may be worth retraining: open drifts, windows of quality, labels."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import convert
from sqlalchemy import ColumnElement, Connection, Select, func, select

from infra.database.engine import create_db_session
from infra.database.episodes import Wanted, latest_episodes
from infra.database.performance import Performance
from infra.database.tables import Prediction
from schemas.drift_events import DriftEvent
from schemas.performance import ModelPerformance

MOST_EPISODES = 1000


def open_drifts(connection: Connection, model: str, version: str) -> Sequence[DriftEvent]:
    """The last step of each episode of the version that goes on."""
    wanted = Wanted(model=model, version=version, is_open=True, limit=MOST_EPISODES)
    return latest_episodes(connection, wanted)


def count_labels(
    connection: Connection, model: str, *, labelled_since: datetime | None = None, scored_since: datetime | None = None
) -> int:
    """Answers of the model whose truth is known: told since, scored since."""
    return int(connection.scalar(labels_of(model, labelled_since, scored_since)) or 0)


def known_since(connection: Connection, model: str, labelled_until: datetime, rows: int) -> datetime | None:
    """When the first of the latest so many rows was scored, of those whose truth was known; None where fewer were."""
    query = select(Prediction.scored_at).where(*_labelled(model), Prediction.labelled_at <= labelled_until)
    return connection.scalar(query.order_by(Prediction.scored_at.desc()).offset(rows - 1).limit(1))


def labels_of(model: str, labelled_since: datetime | None, scored_since: datetime | None) -> Select[int]:
    """The query, which `ix_prediction_labelled` answers alone: no answer is read."""
    query = select(func.count()).where(*_labelled(model))
    if labelled_since is not None:
        query = query.where(Prediction.labelled_at > labelled_since)
    if scored_since is not None:
        query = query.where(Prediction.scored_at >= scored_since)
    return query


def _labelled(model: str) -> Sequence[ColumnElement[bool]]:
    return Prediction.model == model, Prediction.status == "ok", Prediction.actual_label.is_not(None)


def first_and_last_windows(
    connection: Connection, model: str, version: str, count: int, *, estimated: bool
) -> tuple[Sequence[ModelPerformance], Sequence[ModelPerformance]]:
    """So many windows of what the version served, from its first on and up to its last; those with rows alone."""
    query = select(Performance).where(
        Performance.model == model,
        Performance.model_version == version,
        Performance.role == "served",
        Performance.estimated == estimated,
        Performance.rows > 0,
    )
    first = query.order_by(Performance.end, Performance.window).limit(count)
    last = query.order_by(Performance.end.desc(), Performance.window.desc()).limit(count)
    return _read(connection, first), _read(connection, last)[::-1]


def _read(connection: Connection, query: Select[Any]) -> list[ModelPerformance]:
    with create_db_session(connection) as session:
        return [convert(row, ModelPerformance, from_attributes=True) for row in session.scalars(query)]
