"""Retraining jobs in Postgres: no step back, and one that runs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from infra.database.jobs import Jobs
from schemas.retraining import IllegalTransition, RetrainingJob
from tests.infra.database.rows import stored

ASKED = datetime(2026, 11, 27, 11, 0, tzinfo=UTC)


@pytest.fixture
def jobs(engine: Engine) -> Jobs:
    return Jobs(engine)


@pytest.fixture
def model() -> str:
    return f"churn-{uuid4().hex[:8]}"


def pending(model: str, minutes: int = 0) -> RetrainingJob:
    return RetrainingJob(uuid4().hex, model, "pending", "manual", "new shop", "ann", ASKED + timedelta(minutes=minutes))


@pytest.mark.contract("F3", "F4")
def test_a_job_is_kept_as_it_goes_on_and_comes_back_as_it_was(jobs: Jobs, model: str) -> None:
    asked = pending(model)
    running = asked.to("running", ASKED, champion_version="v1")
    ended = running.to("completed", ASKED, candidate_version="v2", rows=3, digest="0" * 64, result={"passed": True})
    for job in (asked, asked, running, running, ended, ended):
        jobs.save(job)
        assert jobs.latest(model) == [job]


@pytest.mark.contract("F4")
def test_what_is_over_stays_so_and_no_job_goes_back(jobs: Jobs, model: str) -> None:
    asked = pending(model)
    running = asked.to("running", ASKED)
    failed = running.to("failed", ASKED, error="out of memory")
    for job in (asked, running, failed):
        jobs.save(job)
    for late in (asked, running, running.to("completed", ASKED)):
        with pytest.raises(IllegalTransition, match=f"is failed already: it cannot become {late.state}"):
            jobs.save(late)
    assert jobs.latest(model) == [failed]


@pytest.mark.contract("F4")
def test_of_one_model_one_job_runs_whatever_the_processes_believe(jobs: Jobs, model: str, engine: Engine) -> None:
    first, second = pending(model), pending(model, minutes=1)
    jobs.save(first.to("running", ASKED))
    jobs.save(second)
    assert jobs.unfinished(model) == [second, first.to("running", ASKED)]
    with pytest.raises(IllegalTransition, match=f"job {first.job_id} of {model} runs already"):
        jobs.save(second.to("running", ASKED))
    with pytest.raises(DBAPIError, match="uq_job_running"), engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO retraining_jobs (job_id, model, state, trigger, reason, requested_by, requested_at, "
                "started_at, schema_version) VALUES ('x', :model, 'running', 'manual', '', '', now(), now(), 1)"
            ),
            {"model": model},
        )
    jobs.save(first.to("running", ASKED).to("skipped", ASKED))
    jobs.save(second.to("running", ASKED))
    assert [job.job_id for job in jobs.latest(model)] == [second.job_id, first.job_id]
    jobs.save(second.to("running", ASKED).to("failed", ASKED))


@pytest.mark.contract("F4")
def test_one_of_many_gets_the_lock_and_it_falls_with_its_connection(jobs: Jobs, model: str, engine: Engine) -> None:
    with jobs.alone(model) as first, ThreadPoolExecutor(4) as threads:
        assert first
        assert not any(threads.map(lambda _: _alone(jobs, model), range(4)))
        assert _alone(jobs, f"{model}-other")
    assert _alone(jobs, model)
    with jobs.alone(model) as is_alone:
        assert is_alone
        [backend] = stored(engine, "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1919251570")
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
    assert _alone(jobs, model)


def _alone(jobs: Jobs, model: str) -> bool:
    with jobs.alone(model) as is_alone:
        return is_alone


def test_the_last_one_completed_is_found_behind_any_number_of_others(jobs: Jobs, model: str) -> None:
    assert jobs.last_completed(model) is None
    done = pending(model).to("running", ASKED).to("completed", ASKED)
    jobs.save(done)
    for minutes in range(1, 25):
        jobs.save(pending(model, minutes).to("skipped", ASKED))
    assert jobs.last_completed(model) == done


def test_jobs_are_listed_newest_first_and_so_many(jobs: Jobs, model: str) -> None:
    made = [pending(model, minutes=n) for n in range(4)]
    for job in made:
        jobs.save(job)
    assert jobs.latest(model, limit=3) == made[:0:-1]
    assert {job.job_id for job in made} <= {job.job_id for job in jobs.latest(limit=1000)}
