"""An online learner's job: the same course, gate and door as any other retraining's."""

from dataclasses import replace

import pytest

from agents.learn import learned, resumed, rows_of
from models.bundle import Bundle, read_bundle
from tests.agents.lessons import Log
from tests.agents.test_retrain import ASKED, FakeDesk, FakeJobs, retraining
from tests.models.conftest import trained
from tests.models.retraining.conftest import drifted


@pytest.fixture(scope="module")
def champion() -> Bundle:
    return read_bundle(trained()["logistic_regression"])


@pytest.fixture
def jobs() -> FakeJobs:
    return FakeJobs()


@pytest.fixture
def desk(champion: Bundle) -> FakeDesk:
    return FakeDesk(champion, drifted(600, seed=2))


def taught(champion: Bundle, log: Log, rows: int) -> str:
    """A learner of the log's first rows, as it is kept."""
    pupil = resumed(champion, None)
    pupil.learn(rows_of("churn", log.values)[0][:rows], log.features)
    return pupil.kept()


@pytest.mark.contract("F4")
def test_what_is_learned_row_by_row_enters_by_the_same_gate_and_once(
    jobs: FakeJobs, desk: FakeDesk, champion: Bundle
) -> None:
    log, online = Log(2, 2000), replace(ASKED, trigger="online", requested_by="trainer")
    desk.kept, desk.given = taught(champion, log, len(log.values)), drifted(600, seed=2)
    job, made = retraining(jobs, desk)(online)
    came = learned(champion, desk.kept, 1000)
    assert made is not None
    assert (job.state, job.rows, job.digest, desk.entered) == ("completed", 2000, came.digest, [made])
    assert (job.candidate_version, job.champion_version) == (made.report.version, champion.version)
    assert job.result is not None
    assert (job.result["passed"], job.result["algorithm"]) == (True, "online_logistic_regression")
    assert job.result["f1"] > job.result["champion_f1"] + 0.3
    assert desk.asked == [(came.since, came.until, 1)]
    again, _ = retraining(jobs, desk)(online)
    assert again.error == f"no label has come since job {job.job_id}, which had the same 2000 rows"
    desk.kept = taught(champion, log, 1500)
    strict = replace(online, order=replace(online.order, least_f1=0.9999))
    assert retraining(jobs, desk)(strict).job.state == "completed"
    assert len(desk.entered) == 1


@pytest.mark.contract("F4")
def test_a_learner_of_too_few_rows_is_not_tried(jobs: FakeJobs, desk: FakeDesk, champion: Bundle) -> None:
    desk.kept = taught(champion, Log(2, 100), 100)
    job, _ = retraining(jobs, desk)(replace(ASKED, trigger="online"))
    assert (job.state, desk.asked) == ("skipped", [])
    assert "1000 needed" in (job.error or "")
