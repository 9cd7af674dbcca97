"""Drifts, outliers and the quality of models, one call at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from msgspec import convert
from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.database.committing import committing
from infra.database.episodes import Wanted, episode_steps, last_windows, latest_episodes
from infra.database.events import encode_event, insert_of
from infra.database.monitored import OutlierRow
from infra.database.performance import Performance
from schemas.drift_events import DriftEvent
from schemas.drift_windows import DriftWindow
from schemas.labelled import Role
from schemas.outlier_events import OutlierEvent, OutlierRateEvent
from schemas.performance import ModelPerformance
from schemas.stored import StoredEvent

LONGEST = 1000
"""Events that one call gives, unless told otherwise."""


class MonitoringRepository:
    """What the monitor tells, in one session; every method commits, and rolls back before it raises.

    Each raises Unavailable while Postgres does not answer.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def store(self, *events: StoredEvent) -> None:
        """Drifts, windows, outliers, quality, all or none of them; what is there already is left as it is.

        Raises InvalidRequest for what a table cannot hold.
        """
        with committing(self._session):
            for _, alike in groupby(sorted(events, key=_table), key=_table):
                told = list(alike)
                self._session.execute(insert_of(told), {"rows": encode_event(told).decode()})

    def get_drift_events(
        self,
        model: str | None = None,
        model_version: str | None = None,
        feature: str | None = None,
        *,
        is_open: bool | None = None,
        days_back: int | None = None,
        limit: int = LONGEST,
    ) -> Sequence[DriftEvent]:
        """The last step of each episode, the newest first. is_open: those that go on, or those that are over."""
        since = None if days_back is None else _days_ago(days_back)
        wanted = Wanted(model, model_version, feature, is_open, since, limit)
        with committing(self._session):
            return latest_episodes(self._session.connection(), wanted)

    def get_drift_event(self, event_id: str) -> Sequence[DriftEvent]:
        """All steps of one episode in order; none where it is unknown."""
        with committing(self._session):
            return episode_steps(self._session.connection(), event_id)

    def get_drift_windows(self, model: str | None = None, model_version: str | None = None) -> Sequence[DriftWindow]:
        """The last window of each version that was judged, the newest first."""
        with committing(self._session):
            return last_windows(self._session.connection(), model, model_version)

    def get_outlier_events(
        self, model: str, model_version: str | None = None, *, days_back: int = 7, limit: int = LONGEST
    ) -> Sequence[OutlierEvent | OutlierRateEvent]:
        """Outliers and rates of too many, the newest first."""
        query = select(OutlierRow).where(OutlierRow.model == model, OutlierRow.timestamp >= _days_ago(days_back))
        if model_version is not None:
            query = query.where(OutlierRow.model_version == model_version)
        query = query.order_by(OutlierRow.timestamp.desc(), OutlierRow.event_id).limit(limit)
        with committing(self._session):
            return list(map(_outlier, self._session.scalars(query)))

    def get_performance(
        self,
        model: str,
        model_version: str | None = None,
        *,
        role: Role = "served",
        estimated: bool = False,
        days_back: int = 30,
    ) -> Sequence[ModelPerformance]:
        """Windows of quality, the oldest first. estimated: before the truth was known, not by it."""
        query = select(Performance).where(
            Performance.model == model,
            Performance.role == role,
            Performance.estimated == estimated,
            Performance.end >= _days_ago(days_back),
        )
        if model_version is not None:
            query = query.where(Performance.model_version == model_version)
        query = query.order_by(Performance.end, Performance.model_version, Performance.window)
        with committing(self._session):
            return [convert(row, ModelPerformance, from_attributes=True) for row in self._session.scalars(query)]


def _table(event: StoredEvent) -> str:
    return insert_of([event]).text


def _outlier(row: OutlierRow) -> OutlierEvent | OutlierRateEvent:
    if row.rate_result is None:
        return convert(row, OutlierEvent, from_attributes=True)
    return convert(row, OutlierRateEvent, from_attributes=True)


def _days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)
