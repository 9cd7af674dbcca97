"""What the monitor tells, as an analyst stores and reads it in a session."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace
from sqlalchemy.orm import Session

from infra.database import MonitoringRepository
from schemas.errors import InvalidRequest
from schemas.performance import ModelPerformance
from tests.infra.database.told import outlier, rate, step, window

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def told(session: Session) -> MonitoringRepository:
    return MonitoringRepository(session)


@pytest.fixture
def model() -> str:
    return f"churn-{uuid4().hex[:8]}"


def quality(model: str, version: str, hours_ago: int, log_loss: float = 0.3) -> ModelPerformance:
    end = NOW - timedelta(hours=hours_ago)
    facts = {"rows": 500, "unusable": 1, "revised": 2, "measures": {"log_loss": log_loss}, "missing": {}}
    return ModelPerformance(model, version, "served", False, uuid4().hex, end - timedelta(hours=1), end, **facts)  # type: ignore[arg-type]


@pytest.mark.contract("F2", "F3")
def test_an_episode_is_stored_step_by_step_and_read_as_it_was(told: MonitoringRepository, model: str) -> None:
    first, second = str(uuid4()), str(uuid4())
    opened = step(first, model=model, timestamp=NOW - timedelta(hours=2))
    worse = step(first, "worsened", 5, 3, model=model, timestamp=NOW - timedelta(hours=1), severity="critical")
    over = step(second, "resolved", 9, 3, model=model, feature="other", timestamp=NOW)
    told.store(worse, opened, over)
    told.store(opened)
    assert told.get_drift_event(first) == [opened, worse]
    assert told.get_drift_events(model) == [over, worse]
    assert told.get_drift_events(model, is_open=True) == [worse]
    assert told.get_drift_events(model, feature="other", days_back=1) == [over]
    assert told.get_drift_events(model, limit=1) == [over]
    assert told.get_drift_event(str(uuid4())) == []


@pytest.mark.contract("F3")
def test_events_of_all_tables_are_stored_at_once(told: MonitoringRepository, model: str) -> None:
    judged, seen = window(uuid4().hex, model=model), outlier(str(uuid4()), model=model, timestamp=NOW)
    many = rate(str(uuid4()), model=model, timestamp=NOW - timedelta(minutes=1))
    good, worse = quality(model, "v1", 2), quality(model, "v2", 1, 0.9)
    told.store(judged, worse, seen, good, many)
    assert told.get_drift_windows(model) == [judged]
    assert told.get_outlier_events(model) == [seen, many]
    assert told.get_outlier_events(model, limit=1) == [seen]
    assert told.get_outlier_events(model, "another") == []
    assert told.get_performance(model) == [good, worse]
    assert told.get_performance(model, "v2") == [worse]
    assert told.get_performance(model, estimated=True) == []


def test_what_is_older_than_was_asked_for_is_not_given(told: MonitoringRepository, model: str) -> None:
    told.store(quality(model, "v1", 48), outlier(str(uuid4()), model=model, timestamp=NOW - timedelta(days=8)))
    assert told.get_performance(model, days_back=1) == []
    assert told.get_outlier_events(model) == []
    assert len(told.get_outlier_events(model, days_back=9)) == 1


def test_of_what_a_table_cannot_hold_nothing_is_kept_and_the_session_goes_on(
    told: MonitoringRepository, model: str
) -> None:
    wrong = replace(quality(model, "v1", 1), rows=-1)
    with pytest.raises(InvalidRequest, match="ck_performance_rows"):
        told.store(quality(model, "v1", 2), wrong)
    assert told.get_performance(model) == []
