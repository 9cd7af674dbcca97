"""What a trainer sees of a model, from a real Postgres."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, text

from agents.triggers import Loss, Rules, Signals
from infra.database import FeedbackRepository, create_db_session
from infra.database.jobs import Jobs
from infra.database.retrainings import last_jobs
from models.churn import CHURN
from models.manifest import Manifest, Training
from schemas.drift_events import read_drift
from schemas.performance import ModelPerformance, read_performance
from schemas.retraining import RetrainingJob
from streams.signals import seen
from tests.infra.database.migrated import migrated
from tests.infra.database.rows import MOMENT
from tests.infra.database.test_events import save
from tests.infra.database.told import CASE, step

ALL = Rules(drift_weight=0.1, loss=0.1, labels=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    with migrated(new_database()) as engine:
        yield engine


@pytest.fixture
def topic(unique: Callable[..., str]) -> str:
    return unique("topic")


@pytest.fixture
def champion(unique: Callable[..., str]) -> Manifest:
    training = Training(MOMENT - timedelta(days=9), rows=1000, seed=0)
    return Manifest(
        unique("model"), "v1", 0.5, "any", CHURN, training, {"log_loss": 0.4, "accuracy": 0.9}, None, (), {}
    )


def look(engine: Engine, champion: Manifest, rules: Rules = ALL, completed: RetrainingJob | None = None) -> Signals:
    with engine.connect() as connection:
        return seen(connection, champion, rules, completed)


def job(champion: Manifest, at: datetime = MOMENT) -> RetrainingJob:
    pending = RetrainingJob(f"{champion.name}-{at:%H%M}", champion.name, "pending", "drift", "", "trainer", at)
    return pending.to("running", at).to("completed", at + MINUTE)


def label(engine: Engine, champion: Manifest, name: str, scored_at: datetime, labelled_at: datetime) -> None:
    with create_db_session(engine) as session:
        FeedbackRepository(session).store_prediction(
            request_id=name,
            features={"spent": 1},
            predicted_probability=0.5,
            predicted_label=1,
            risk_score=50.0,
            model_version="v1",
            model=champion.name,
            scored_at=scored_at,
        )
        given = {"id": name, "at": labelled_at}
        session.execute(
            text("UPDATE prediction_feedback SET actual_label = 1, labelled_at = :at WHERE request_id = :id"), given
        )
        session.commit()


def test_of_a_model_that_nothing_is_known_of_nothing_is_seen(engine: Engine, champion: Manifest) -> None:
    assert look(engine, champion) == Signals(trained_at=MOMENT - timedelta(days=9))
    assert look(engine, champion, Rules()) == Signals(trained_at=MOMENT - timedelta(days=9))
    with engine.connect() as connection:
        assert last_jobs(connection, champion.name) == (None, None)


async def test_open_drifts_of_the_champion_weigh_what_moved_since_the_last_completed_job(
    engine: Engine, champion: Manifest, topic: str, unique: Callable[..., str]
) -> None:
    of = {"model": champion.name}
    steps = [
        step(unique("spent"), minute=5, **of),
        step(unique("answers"), minute=6, subject="prediction", feature="p", **of),
        step(unique("small"), minute=5, severity="info", feature="orders", **of),
        step(unique("unknown"), minute=5, feature="of no weight", **of),
        step(unique("other"), minute=5, model=champion.name, model_version="v0"),
        step(over := unique("over"), minute=5, **of),
        step(over, "resolved", minute=6, windows=2, **of),
    ]
    assert await save(engine, topic, read_drift, steps) == []
    found = look(engine, champion)
    assert found.drift_weight == pytest.approx(0.2 + CASE.effect)
    assert found.drifts == ("p", "spent")
    completed = job(champion, MOMENT + 5.5 * MINUTE)
    label(engine, champion, unique("known"), MOMENT + MINUTE, MOMENT + 5 * MINUTE)
    assert look(engine, champion, completed=completed).drifts == ("p",)
    assert look(engine, champion, Rules(drift_weight=0)).drifts == ()


async def test_labels_count_from_the_last_job_on_and_for_a_drift_those_of_its_rows(
    engine: Engine, champion: Manifest, topic: str, unique: Callable[..., str]
) -> None:
    label(engine, champion, unique("old"), MOMENT - timedelta(days=20), MOMENT - timedelta(days=10))
    label(engine, champion, unique("late"), MOMENT - timedelta(days=20), MOMENT + 2 * MINUTE)
    label(engine, champion, unique("new"), MOMENT + MINUTE, MOMENT + 4 * MINUTE)
    found = look(engine, champion)
    assert (found.labels, found.drift_labels) == (2, 0)
    assert look(engine, champion, completed=job(champion, MOMENT + 3 * MINUTE)).labels == 1
    await save(engine, topic, read_drift, [step(unique("drift"), minute=5, model=champion.name)])
    assert look(engine, champion).drift_labels == 1


async def test_a_job_is_not_done_with_a_drift_of_whose_rows_it_had_too_few_labels(
    engine: Engine, champion: Manifest, topic: str, unique: Callable[..., str]
) -> None:
    """One that somebody asked for, or a schedule, while the truth was still to come."""
    rules, completed = Rules(drift_weight=0.1, least_rows=10), job(champion, MOMENT + 9 * MINUTE)
    began = MOMENT + 2 * MINUTE
    await save(engine, topic, read_drift, [step(unique("d"), minute=5, model=champion.name, first_seen=began)])
    label(engine, champion, unique("before"), began - MINUTE, began)
    label(engine, champion, unique("first"), began, MOMENT + 6 * MINUTE)
    label(engine, champion, unique("late"), began + MINUTE, MOMENT + 10 * MINUTE)
    found = look(engine, champion, rules, completed)
    assert (found.drifts, found.drift_labels) == (("spent",), 2)
    label(engine, champion, unique("second"), began + MINUTE, MOMENT + 7 * MINUTE)
    assert look(engine, champion, rules, completed).drifts == ()


def windows(champion: Manifest, losses: list[float], **changes: Any) -> list[ModelPerformance]:
    """Of a minute each; each loss is the share of wrong answers, too."""
    return [
        replace(
            ModelPerformance(
                champion.name, "v1", "served", False, f"w{place}", MOMENT + place * MINUTE,
                MOMENT + (place + 1) * MINUTE, 100, 0, 0, {"log_loss": loss, "accuracy": 1 - loss}, {},
            ),
            **changes,
        )
        for place, loss in enumerate(losses)
    ]  # fmt: skip


async def test_the_loss_is_of_the_last_windows_against_the_first_or_the_manifest(
    engine: Engine, champion: Manifest, topic: str
) -> None:
    estimates = windows(champion, [0.125, 0.125, 0.125, 0.25, 0.25, 0.25], estimated=True)
    for offset, role in enumerate(("shadow", "served")):
        told = [replace(one, role=role) for one in estimates[: 4 if role == "served" else 6]]
        await save(engine, topic, read_performance, told, first=10 * offset)
    assert look(engine, champion).loss == Loss(
        pytest.approx((0.125 * 2 + 0.25) / 3), pytest.approx(0.1), estimated=True
    )
    await save(engine, topic, read_performance, estimates, first=30)
    assert look(engine, champion).loss == Loss(0.25, 0.125, estimated=True)

    known = windows(champion, [0.5, 0.5, 0.5, 0.75, 0.75, 0.75])
    await save(engine, topic, read_performance, known[:2], first=50)
    assert look(engine, champion).loss == Loss(0.25, 0.125, estimated=True), "two windows are chance"
    await save(engine, topic, read_performance, known[:3], first=60)
    assert look(engine, champion).loss == Loss(0.5, 0.4, estimated=False)
    await save(engine, topic, read_performance, known, first=70)
    assert look(engine, champion).loss == Loss(0.75, 0.5, estimated=False)
    assert look(engine, champion, completed=job(champion, MOMENT + 4.5 * MINUTE)).loss is None


def test_when_a_job_ended_last_and_the_last_completed_one(engine: Engine, champion: Manifest) -> None:
    """Another was asked for, and skipped, as the first one still ran."""
    completed, jobs = replace(job(champion), ended_at=MOMENT + 5 * MINUTE), Jobs(engine)
    later = RetrainingJob("later" + champion.name, champion.name, "pending", "age", "", "trainer", MOMENT + MINUTE)
    for one in (completed, later.to("skipped", MOMENT + 2 * MINUTE, error="another runs")):
        jobs.save(one)
    with engine.connect() as connection:
        assert last_jobs(connection, champion.name) == (MOMENT + 5 * MINUTE, completed)
        jobs.save(replace(later, job_id="third" + champion.name, requested_at=MOMENT + 6 * MINUTE))
        assert last_jobs(connection, champion.name) == (MOMENT + 6 * MINUTE, completed)
