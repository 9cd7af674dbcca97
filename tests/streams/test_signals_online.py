"""What a trainer sees of an online learner, from a real Postgres."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from agents.triggers import Rules
from infra.database.jobs import Jobs
from infra.database.online import OnlineModels
from infra.database.retrainings import last_jobs
from models.churn import CHURN
from models.manifest import Manifest
from schemas.online import Checkpoint
from schemas.retraining import RetrainingJob
from tests.infra.database.migrated import migrated
from tests.infra.database.rows import MOMENT
from tests.streams.test_signals import MINUTE, job, look


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    with migrated(new_database()) as engine:
        yield engine


@pytest.fixture
def champion(unique: Callable[..., str]) -> Manifest:
    return Manifest(unique("model"), "v1", 0.5, "any", CHURN, None, {}, None, (), {})


def online(champion: Manifest, rows: int, at: datetime) -> RetrainingJob:
    """A job that has tried a learner."""
    running = replace(job(champion, at), trigger="online", state="running", ended_at=None)
    return running.to("completed", at + MINUTE, rows=rows)


def test_of_a_learner_that_can_be_judged_the_rows_since_it_was_tried_are_seen(
    engine: Engine, champion: Manifest
) -> None:
    rules, learners, jobs = Rules(online=1, least_rows=100), OnlineModels(engine), Jobs(engine)
    kept = Checkpoint(champion.name, "log", 900, rows=90, compared=90, champion_version="v1", state="{}")

    def seen_of(**changes: Any) -> int:
        nonlocal kept
        found = learners.save(replace(kept, **changes))
        assert found is not None
        kept = found
        return look(engine, champion, rules).online

    assert look(engine, champion, rules).online == 0
    assert seen_of() == 0, "too few rows"
    assert seen_of(rows=120, compared=99) == 0
    assert seen_of(compared=100) == 120
    assert seen_of(champion_version="v0") == 0, "it was compared with another champion"
    jobs.save(online(champion, rows=100, at=MOMENT))
    assert seen_of(champion_version="v1", rows=150) == 50
    jobs.save(replace(online(champion, rows=150, at=MOMENT + MINUTE), state="failed", error="no"))
    assert seen_of(rows=170) == 70, "a job that failed has tried nothing"
    assert look(engine, champion, Rules(least_rows=100)).online == 0
    jobs.save(online(champion, rows=900, at=MOMENT + 2 * MINUTE))
    assert seen_of() == 170, "a learner that began anew"


def test_a_job_that_tried_a_learner_is_no_retraining_to_the_other_causes(engine: Engine, champion: Manifest) -> None:
    completed, tried = job(champion), online(champion, rows=10, at=MOMENT + 3 * MINUTE)
    for one in (completed, tried):
        Jobs(engine).save(one)
    with engine.connect() as connection:
        assert last_jobs(connection, champion.name) == (tried.ended_at, completed)
