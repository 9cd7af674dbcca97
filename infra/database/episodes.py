"""Episodes of drift and the last windows, as they are asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from msgspec import convert
from sqlalchemy import Connection, Tuple, any_, case, exists, func, select, text, tuple_
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement

from infra.database.engine import create_db_session
from infra.database.monitored import DriftStep, DriftWindowRow
from schemas.drift_events import DriftEvent, Phase
from schemas.drift_windows import DriftWindow


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which episodes; None for any. is_open: whether they go on. since: their last step is not before."""

    model: str | None = None
    version: str | None = None
    feature: str | None = None
    is_open: bool | None = None
    since: datetime | None = None
    limit: int = 50


def latest_episodes(connection: Connection, wanted: Wanted) -> list[DriftEvent]:
    """The last step of each, the newest first."""
    later = aliased(DriftStep)
    query = (
        select(DriftStep)
        .where(~exists().where(later.event_id == DriftStep.event_id, _place(later) > _place(DriftStep)))
        .order_by(DriftStep.timestamp.desc(), DriftStep.event_id)
        .limit(wanted.limit)
    )
    asked = {DriftStep.model: wanted.model, DriftStep.model_version: wanted.version, DriftStep.feature: wanted.feature}
    for column, value in asked.items():
        query = query if value is None else query.where(column == value)
    if wanted.is_open is not None:
        query = query.where(DriftStep.event_id == any_(_open()) if wanted.is_open else DriftStep.phase == "resolved")
    if wanted.since is not None:
        query = query.where(DriftStep.timestamp >= wanted.since)
    with create_db_session(connection) as session:
        return [convert(step, DriftEvent, from_attributes=True) for step in session.scalars(query)]


def episode_steps(connection: Connection, event_id: str) -> list[DriftEvent]:
    """All steps of one episode in order; none where it is unknown."""
    query = select(DriftStep).where(DriftStep.event_id == event_id).order_by(_place(DriftStep))
    with create_db_session(connection) as session:
        return [convert(step, DriftEvent, from_attributes=True) for step in session.scalars(query)]


def _open() -> FunctionElement[Any]:
    """The ids of episodes that go on, few among all: as an array they are looked for by index, and gathered first."""
    step = aliased(DriftStep)
    going_on = ~func.bool_or(step.phase == "resolved")
    return func.array(select(step.event_id).group_by(step.event_id).having(going_on).scalar_subquery())


def _place(step: type[DriftStep]) -> Tuple:
    """Of a step in its episode: the count of windows that drifted never falls, and between two of them it may get worse
    more than once."""
    rank = case({phase: rank for rank, phase in enumerate(get_args(Phase))}, value=step.phase)
    return tuple_(step.windows, rank, step.timestamp)


# From version to version, each found in the index: windows are many, versions few.
_LAST_WINDOWS = text(
    """
    WITH RECURSIVE versions AS (
      (SELECT model, model_version FROM drift_windows ORDER BY model, model_version LIMIT 1)
      UNION ALL
      SELECT following.* FROM versions, LATERAL (
        SELECT model, model_version FROM drift_windows AS others
        WHERE (others.model, others.model_version) > (versions.model, versions.model_version)
        ORDER BY model, model_version LIMIT 1
      ) AS following
    )
    SELECT latest.* FROM versions, LATERAL (
      SELECT * FROM drift_windows AS judged
      WHERE judged.model = versions.model AND judged.model_version = versions.model_version
      ORDER BY "end" DESC, start DESC LIMIT 1
    ) AS latest
    ORDER BY "end" DESC, model, model_version
    """
)


def last_windows(connection: Connection, model: str | None, version: str | None) -> list[DriftWindow]:
    """The last window of each model version that was judged, the newest first."""
    query = select(DriftWindowRow).from_statement(_LAST_WINDOWS)
    with create_db_session(connection) as session:
        found = [convert(row, DriftWindow, from_attributes=True) for row in session.scalars(query)]
    return [window for window in found if model in (None, window.model) and version in (None, window.model_version)]
