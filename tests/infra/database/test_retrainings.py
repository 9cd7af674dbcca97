"""Retraining jobs one call at a time."""

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from infra.database import RetrainingRepository
from schemas.errors import InvalidRequest
from schemas.retraining import IllegalTransition


@pytest.fixture
def jobs(session: Session) -> RetrainingRepository:
    return RetrainingRepository(session)


@pytest.fixture
def model() -> str:
    return f"churn-{uuid4().hex[:8]}"


@pytest.mark.contract("F2", "F4")
def test_a_job_goes_from_pending_over_running_to_its_end(jobs: RetrainingRepository, model: str) -> None:
    job = jobs.create_job(model, trigger="labels", reason="1000 have come", requested_by="ann")
    assert (job.state, job.trigger, job.reason, job.requested_by) == ("pending", "labels", "1000 have come", "ann")
    running = jobs.update_job(job.job_id, "running", champion_version="v1")
    assert jobs.get_jobs(model, "running") == [running]
    done = jobs.update_job(job.job_id, "completed", candidate_version="v2", rows=1000, result={"passed": True})
    assert jobs.get_job(job.job_id) == done
    assert (done.champion_version, done.candidate_version, done.result) == ("v1", "v2", {"passed": True})
    assert done.started_at == running.started_at
    assert jobs.get_jobs(model, "pending", "running") == []


@pytest.mark.contract("F4")
def test_what_is_over_or_would_run_beside_another_is_refused_and_the_session_goes_on(
    jobs: RetrainingRepository, model: str
) -> None:
    first, second = (jobs.create_job(model, requested_by="ann") for _ in range(2))
    jobs.update_job(first.job_id, "running")
    with pytest.raises(IllegalTransition, match=f"job {first.job_id} of {model} runs already"):
        jobs.update_job(second.job_id, "running")
    jobs.update_job(first.job_id, "failed", error="out of memory")
    with pytest.raises(IllegalTransition, match="nothing, it is over"):
        jobs.update_job(first.job_id, "completed")
    assert jobs.update_job(second.job_id, "running").state == "running"
    assert [job.job_id for job in jobs.get_jobs(model, limit=1)] == [second.job_id]


def test_an_unknown_job_trigger_or_state_is_refused_by_name(jobs: RetrainingRepository, model: str) -> None:
    with pytest.raises(InvalidRequest, match="no retraining job string 'x': create it first"):
        jobs.update_job("x", "running")
    with pytest.raises(InvalidRequest, match="trigger: string 'boredom' is not one of manual, drift"):
        jobs.create_job(model, trigger="boredom", requested_by="ann")  # type: ignore[arg-type]
    job = jobs.create_job(model, requested_by="ann")
    with pytest.raises(IllegalTransition, match="not done"):
        jobs.update_job(job.job_id, "done")  # type: ignore[arg-type]
    assert jobs.get_job(uuid4().hex) is None
