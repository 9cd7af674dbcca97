"""Old rows go from every table; what is young, open or still to be told stays, and totals as they were."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from infra.database import PostgresStore
from infra.database.jobs import Jobs
from infra.database.prune import count_old, prune
from schemas.drift_events import read_drift
from schemas.drift_windows import read_window
from schemas.outlier_events import read_outlier
from schemas.retraining import RetrainingJob, State, Trigger
from schemas.stored import Position
from tests.infra.database.held import WAITING, blocked_or, held
from tests.infra.database.migrated import migrated
from tests.infra.database.recount import totals
from tests.infra.database.rows import MOMENT, label, prediction, shadow_row, stored
from tests.infra.database.test_events import save
from tests.infra.database.told import outlier, step, window

OLD, YOUNG = MOMENT - timedelta(days=1), MOMENT + timedelta(days=1)
NONE = dict.fromkeys(
    ("prediction_feedback", "label_revisions", "shadow_predictions", "outlier_events", "drift_events", "drift_windows",
     "model_performance", "retraining_jobs"), 0,
)  # fmt: skip


@pytest.fixture
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    """A database of the test's own: whole tables are looked at."""
    with migrated(new_database()) as engine:
        yield engine


@pytest.fixture
async def answers(store: PostgresStore, topic: str) -> None:
    """Seven requests of two rows, three of them old, with a copy and a label each; and two labels of no request."""
    at = [Position(topic, 0, 1)]
    for number in range(7):
        scored_at = OLD if number % 2 else YOUNG
        common = [{"row": row, "scored_at": scored_at} for row in (0, 1)]
        await store.save_predictions([prediction(f"r-{number}", **each) for each in common], at)
        await store.save_shadows([shadow_row(f"r-{number}", **each) for each in common], at)
    await store.save_labels([label(f"r-{number}", 1, number, topic=topic) for number in range(9)], at)


def ids(engine: Engine, table: str, column: str = "request_id") -> list[Any]:
    return stored(engine, f"SELECT DISTINCT {column} FROM {table} ORDER BY 1")


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("at_once", [1, 4, 5000])
async def test_old_answers_go_with_their_copies_and_labels_and_stay_counted(engine: Engine, at_once: int) -> None:
    before, untold = totals(engine, "churn", 3, 3), stored(engine, "SELECT count(*) FROM labelled_outbox")
    expected = {**NONE, "prediction_feedback": 6, "label_revisions": 3, "shadow_predictions": 6}
    steps: list[int] = []
    assert count_old(engine, MOMENT) == expected
    assert prune(engine, MOMENT, steps.append, at_once) == expected
    assert count_old(engine, MOMENT) == NONE
    assert sum(steps) == 15
    assert len(steps) == {1: 12, 4: 4, 5000: 2}[at_once]
    for table in ("prediction_feedback", "shadow_predictions"):
        assert ids(engine, table) == ["r-0", "r-2", "r-4", "r-6"]
    assert ids(engine, "label_revisions") == ["r-0", "r-2", "r-4", "r-6", "r-7", "r-8"], "those without answer wait"
    assert totals(engine, "churn", 3, 3) == before
    assert stored(engine, "SELECT count(*) FROM labelled_outbox") == untold, "they are still to be told"


@pytest.mark.usefixtures("answers")
async def test_a_label_stays_as_long_as_its_answer_and_without_one_until_it_is_old_itself(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE label_revisions SET received_at = :old"), {"old": OLD})
    assert prune(engine, MOMENT, print)["label_revisions"] == 3 + 2
    assert ids(engine, "label_revisions") == ["r-0", "r-2", "r-4", "r-6"]


async def test_of_what_the_monitor_told_open_drifts_stay(engine: Engine, topic: str) -> None:
    drifts = [
        step("over", timestamp=OLD), step("over", "resolved", windows=2, timestamp=OLD),
        step("goes-on", timestamp=OLD), step("goes-on", "worsened", windows=2, timestamp=OLD),
        step("over-lately", timestamp=OLD), step("over-lately", "resolved", windows=2, timestamp=YOUNG),
    ]  # fmt: skip
    await save(engine, topic, read_drift, drifts)
    await save(engine, topic, read_window, [window("old", end=OLD), window("young", end=YOUNG)], 10)
    await save(engine, topic, read_outlier, [outlier("old", timestamp=OLD), outlier("young", timestamp=YOUNG)], 20)
    expected = {**NONE, "drift_events": 2, "drift_windows": 1, "outlier_events": 1}
    assert count_old(engine, MOMENT) == expected
    assert prune(engine, MOMENT, print) == expected
    assert stored(engine, "SELECT DISTINCT event_id FROM drift_events ORDER BY 1") == ["goes-on", "over-lately"]
    assert ids(engine, "drift_windows", '"window"') == ["young"]
    assert ids(engine, "outlier_events", "event_id") == ["young"]


def test_of_retraining_jobs_that_are_over_each_models_last_completed_one_stays(engine: Engine) -> None:
    jobs = Jobs(engine)

    def keep(name: str, model: str, state: State, at: datetime, trigger: Trigger = "manual") -> None:
        asked = RetrainingJob(name, model, "pending", trigger, "new shop", "ann", at)
        running = asked.to("running", at)
        for job in (asked, running) if state == "running" else (asked, running, running.to(state, at)):
            jobs.save(job)

    keep("first", "churn", "completed", OLD - timedelta(days=2))
    keep("last completed", "churn", "completed", OLD - timedelta(days=1))
    keep("online", "churn", "completed", OLD - timedelta(days=3), "online")
    keep("failed", "churn", "failed", OLD)
    keep("goes on", "churn", "running", OLD)
    keep("young", "fraud", "completed", YOUNG)
    keep("only", "ltv", "completed", OLD)
    assert count_old(engine, MOMENT) == {**NONE, "retraining_jobs": 2}
    assert prune(engine, MOMENT, print) == {**NONE, "retraining_jobs": 2}
    assert ids(engine, "retraining_jobs", "job_id") == ["goes on", "last completed", "online", "only", "young"]
    completed = jobs.last_completed("churn")
    assert completed is not None
    assert completed.job_id == "last completed"


async def test_an_episode_that_went_in_part_goes_whole_the_next_time(engine: Engine, topic: str) -> None:
    steps = [step("over", "resolved", windows=3, timestamp=OLD), step("over", timestamp=OLD),
             step("over", "worsened", windows=2, timestamp=OLD)]  # fmt: skip
    for place, one in enumerate(steps):
        await save(engine, topic, read_drift, [one], place)

    def end(rows: int) -> None:
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prune(engine, MOMENT, end, at_once=1)
    assert prune(engine, MOMENT, print, at_once=1) == {**NONE, "drift_events": 2}


async def test_a_batch_waits_for_labels_that_are_being_stored_and_not_for_their_rows_one_by_one(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await store.save_predictions([prediction("r", scored_at=OLD)], [Position(topic, 0, 1)])
    with held(engine) as other:
        late = PostgresStore(other.engine, {topic: topic})
        storing = asyncio.create_task(late.save_labels([label("r", 1, 1, topic=topic)], [Position(topic, 0, 2)]))
        await other.written()
        removing = asyncio.create_task(asyncio.to_thread(prune, engine, MOMENT, print))
        await blocked_or(removing.done, engine)
        assert stored(engine, WAITING.replace("SELECT 1", "SELECT wait_event")) == ["advisory"]
        other.let_go.set()
        await asyncio.gather(storing, removing)
    assert removing.result() == NONE, "it has a new place, where the next run finds it"
    assert prune(engine, MOMENT, print) == {**NONE, "prediction_feedback": 1, "label_revisions": 1}


async def test_a_refusal_that_gives_way_to_an_answer_meanwhile_takes_it_not_along(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    refusal = prediction("r", status="expired", scored_at=OLD)
    await store.save_predictions([refusal], [Position(topic, 0, 1)])
    with held(engine) as other:
        late = PostgresStore(other.engine, {topic: topic})
        answer = prediction("r", scored_at=YOUNG)
        storing = asyncio.create_task(late.save_predictions([answer], [Position(topic, 0, 2)]))
        await other.written()
        removing = asyncio.create_task(asyncio.to_thread(prune, engine, MOMENT, print))
        await blocked_or(removing.done, engine)
        other.let_go.set()
        await asyncio.gather(storing, removing)
    assert removing.result() == NONE
    assert stored(engine, "SELECT status FROM prediction_feedback") == ["ok"]
