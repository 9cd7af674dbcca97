"""A retraining as a whole: what hinders it, what it tells, and what it leaves where it ends before its time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.learn import learned
from agents.retrain import Asked, Retrainer
from models.bundle import Bundle, read_bundle
from models.retraining import LabelledRows, Learned, Order, Retrained
from schemas.errors import InvalidRequest, NotEnoughData, Unavailable
from schemas.retraining import IllegalTransition, RetrainingJob, State
from tests.models.conftest import trained
from tests.models.retraining.conftest import drifted

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ASKED = Asked("churn", "manual", "new shop", "ann", order=Order(algorithms=("logistic_regression",), least_f1=0.5))


class FakeJobs:
    """Jobs in a list, the newest last."""

    def __init__(self) -> None:
        self.kept: list[RetrainingJob] = []
        self.others = False

    def save(self, job: RetrainingJob) -> None:
        before = next((one for one in self.kept if one.job_id == job.job_id), job)
        if before.is_over and before != job:
            raise IllegalTransition(f"job {job.job_id} is {before.state} already: it cannot become {job.state}")
        self.kept = [one for one in self.kept if one.job_id != job.job_id] + [job]

    def latest(self, model: str | None = None, limit: int = 20) -> Sequence[RetrainingJob]:
        return self.kept[::-1][:limit]

    def last_completed(self, model: str) -> RetrainingJob | None:
        return next((job for job in self.kept[::-1] if job.state == "completed"), None)

    def unfinished(self, model: str) -> Sequence[RetrainingJob]:
        return [job for job in self.kept if not job.is_over]

    @contextmanager
    def alone(self, model: str) -> Iterator[bool]:
        yield not self.others


class FakeDesk:
    """Rows and a champion at hand; keeps what was told and entered."""

    def __init__(self, champion: Bundle, rows: LabelledRows | Exception) -> None:
        self.found = champion
        self.given = rows
        self.told: list[RetrainingJob] = []
        self.entered: list[Retrained] = []
        self.asked: list[tuple[datetime, datetime, int]] = []
        self.kept = ""

    def champion(self, model: str) -> Bundle:
        return self.found

    def rows(self, model: str, first: datetime, cutoff: datetime, least: int) -> LabelledRows:
        self.asked.append((first, cutoff, least))
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    def learned(self, champion: Bundle, least: int) -> Learned:
        return learned(champion, self.kept, least)

    def enter(self, made: Retrained, job: RetrainingJob) -> Mapping[str, Any]:
        self.entered.append(made)
        return {"strategy": "champion_challenger"}

    def tell(self, job: RetrainingJob) -> None:
        self.told.append(job)

    def states(self) -> list[str]:
        return [job.state for job in self.told]


@pytest.fixture(scope="module")
def champion() -> Bundle:
    return read_bundle(trained()["logistic_regression"])


@pytest.fixture
def jobs() -> FakeJobs:
    return FakeJobs()


@pytest.fixture
def desk(champion: Bundle) -> FakeDesk:
    return FakeDesk(champion, drifted(600, seed=2))


def retraining(jobs: FakeJobs, desk: FakeDesk, now: datetime = NOW) -> Retrainer:
    return Retrainer(jobs, desk, lambda: now)


@pytest.mark.contract("F4")
def test_a_better_candidate_enters_and_the_job_says_all_of_it(jobs: FakeJobs, desk: FakeDesk, champion: Bundle) -> None:
    job, made = retraining(jobs, desk)(ASKED)
    assert desk.states() == ["pending", "running", "completed"]
    assert jobs.kept == [job] == [desk.told[-1]]
    assert made is not None
    assert desk.entered == [made]
    assert (job.champion_version, job.candidate_version) == (champion.version, made.report.version)
    assert (job.rows, job.digest) == (600, drifted(600, seed=2).digest)
    assert job.result is not None
    assert job.result["passed"]
    assert job.result["entered"] == {"strategy": "champion_challenger"}
    assert job.result["f1"] > job.result["champion_f1"]
    assert job.result["sureness"]["gain"] == made.report.sureness.gain
    assert desk.asked == [(NOW - timedelta(days=90), NOW, 1000)]


@pytest.mark.contract("F4")
def test_a_candidate_that_does_not_pass_enters_nowhere(jobs: FakeJobs, desk: FakeDesk) -> None:
    job, made = retraining(jobs, desk)(replace(ASKED, order=replace(ASKED.order, least_f1=0.9999)))
    assert (job.state, made is not None, desk.entered) == ("completed", True, [])
    assert job.result is not None
    assert "entered" not in job.result
    assert "below the least" in job.result["reasons"][0]


@pytest.mark.contract("F4")
def test_while_another_runs_a_job_is_skipped_and_reads_nothing(jobs: FakeJobs, desk: FakeDesk) -> None:
    jobs.others = True
    job, _ = retraining(jobs, desk)(ASKED)
    assert (job.state, job.error) == ("skipped", "another retraining of churn runs already")
    assert desk.asked == []


def test_while_another_runs_its_job_is_told_by_itself_alone(jobs: FakeJobs, desk: FakeDesk) -> None:
    """Told again from here it would run still after its end was told."""
    jobs.save(RetrainingJob("other", "churn", "pending", "drift", "", "trainer", NOW).to("running", NOW))
    jobs.others = True
    retraining(jobs, desk)(ASKED)
    assert desk.states() == ["skipped"]


@pytest.mark.parametrize("state", ["pending", "running"])
def test_a_job_whose_process_was_killed_is_failed_by_the_next(jobs: FakeJobs, desk: FakeDesk, state: State) -> None:
    lost = RetrainingJob("lost", "churn", "pending", "drift", "", "trainer", NOW)
    jobs.save(lost.to("running", NOW) if state == "running" else lost)
    job, _ = retraining(jobs, desk)(ASKED)
    assert job.state == "completed"
    assert [(one.job_id, one.state) for one in desk.told[:3]] == [
        ("lost", state), ("lost", "failed"), (job.job_id, "pending"),
    ]  # fmt: skip
    assert desk.told[1].error == "its process ended without a word"


def test_who_lost_the_lock_and_was_failed_by_another_enters_nothing(jobs: FakeJobs, desk: FakeDesk) -> None:
    def rows_of_another(*_: object) -> LabelledRows:
        [job] = jobs.unfinished("churn")
        jobs.save(job.to("failed", NOW, error="its process ended without a word"))
        return drifted(600, seed=2)

    desk.rows = rows_of_another  # type: ignore[method-assign, assignment]
    with pytest.raises(IllegalTransition, match="is failed already: it cannot become running"):
        retraining(jobs, desk)(ASKED)
    assert desk.entered == []
    assert [job.state for job in jobs.kept] == ["failed"]


def test_it_is_too_soon_within_the_cool_down_and_without_a_new_label_unless_asked_for_again(
    jobs: FakeJobs, desk: FakeDesk
) -> None:
    first, _ = retraining(jobs, desk)(ASKED)
    hour = replace(ASKED, cool_down=timedelta(hours=1))
    soon, _ = retraining(jobs, desk, NOW + timedelta(minutes=59))(hour)
    assert soon.state == "skipped"
    assert soon.error == "churn was retrained at 2026-11-27 12:00 UTC: it may be again from 2026-11-27 13:00 on"
    later = retraining(jobs, desk, NOW + timedelta(minutes=60))
    same, _ = later(hour)
    assert same.state == "skipped"
    assert same.error == f"no label has come since job {first.job_id}, which had the same 600 rows"
    again, _ = later(replace(hour, again=True))
    assert (again.state, again.candidate_version) == ("completed", first.candidate_version)
    desk.given = drifted(601, seed=2)
    assert later(ASKED).job.state == "completed"


def test_the_last_one_is_remembered_however_many_were_skipped_since(jobs: FakeJobs, desk: FakeDesk) -> None:
    first = retraining(jobs, desk)(ASKED).job
    ended = {retraining(jobs, desk)(ASKED).job.state for _ in range(25)}
    assert ended == {"skipped"}
    assert retraining(jobs, desk)(ASKED).job.error == (
        f"no label has come since job {first.job_id}, which had the same 600 rows"
    )


@pytest.mark.contract("F4")
@pytest.mark.parametrize(
    ("rows", "state", "error"),
    [
        (NotEnoughData(12, 1000), "skipped", "12"),
        (InvalidRequest("no route"), "failed", "no route"),
        (Unavailable("postgres", "is away"), "failed", "is away"),
        (replace(drifted(600, seed=2), truth=np.ones(600, dtype=np.intp)), "failed", "needs 10 of both"),
    ],
)
def test_what_nothing_can_be_learned_from_ends_the_job_with_the_reason(
    jobs: FakeJobs, desk: FakeDesk, rows: LabelledRows | Exception, state: str, error: str
) -> None:
    desk.given = rows
    job, _ = retraining(jobs, desk)(ASKED)
    assert (job.state, desk.states()[-1]) == (state, state)
    assert error in (job.error or "")


@pytest.mark.parametrize(
    ("bug", "said"), [(RuntimeError("a bug"), "RuntimeError: a bug"), (KeyboardInterrupt(), "told to stop")]
)
def test_a_bug_or_an_interrupt_fails_the_job_and_goes_on(
    jobs: FakeJobs, desk: FakeDesk, bug: BaseException, said: str
) -> None:
    desk.rows = lambda *_: _raise(bug)  # type: ignore[method-assign]
    with pytest.raises(type(bug)):
        retraining(jobs, desk)(ASKED)
    assert desk.states() == ["pending", "running", "failed"]
    assert said in (jobs.kept[0].error or "")


def _raise(error: BaseException) -> Any:
    raise error


class InterruptedJobs(FakeJobs):
    """Ctrl-C comes as a job becomes what is named, before or after it is kept."""

    def __init__(self, state: State, *, is_kept: bool) -> None:
        super().__init__()
        self._state, self._is_kept = state, is_kept

    def save(self, job: RetrainingJob) -> None:
        is_now, self._state = job.state == self._state, "skipped" if job.state == self._state else self._state
        if not is_now or self._is_kept:
            super().save(job)
        if is_now:
            raise KeyboardInterrupt


@pytest.mark.contract("F4")
@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize(("state", "end"), [("pending", "failed"), ("running", "failed"), ("completed", "completed")])
def test_wherever_it_is_interrupted_a_job_ends_as_what_it_was_by_then(
    desk: FakeDesk, champion: Bundle, state: State, end: State, is_kept: bool
) -> None:
    jobs = InterruptedJobs(state, is_kept=is_kept)
    with pytest.raises(KeyboardInterrupt):
        retraining(jobs, desk)(ASKED)
    [job] = jobs.kept
    assert job.state == end
    assert job.champion_version == (None if state == "pending" else champion.version)


class EndsUntold(FakeDesk):
    def tell(self, job: RetrainingJob) -> None:
        if job.state == "completed":
            raise KeyboardInterrupt


def test_an_interrupt_as_its_end_is_told_leaves_a_completed_job_as_it_is(jobs: FakeJobs, champion: Bundle) -> None:
    with pytest.raises(KeyboardInterrupt):
        retraining(jobs, EndsUntold(champion, drifted(600, seed=2)))(ASKED)
    assert [job.state for job in jobs.kept] == ["completed"]
