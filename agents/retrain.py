"""A retraining from its cause to its end: alone for its model, told step by step, and what it makes answers nobody."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from agents.course import Course, Desk, HinderedError, Jobs
from agents.ports import Clock
from models.bundle import Bundle
from models.retraining import Order, Report, Retrained, candidate_of, retrain
from schemas.retraining import RetrainingJob, Trigger


@dataclass(frozen=True)
class Asked:
    """A retraining that is asked for.

    days_back: how old its rows may be. cool_down: how long ago the last one that was completed must be. again: though
    it would be too soon, or of the rows of the last one.
    """

    model: str
    trigger: Trigger
    reason: str
    requested_by: str
    days_back: int = 90
    least_rows: int = 1000
    cool_down: timedelta = timedelta(0)
    again: bool = False
    order: Order = field(default_factory=Order)


class Ended(NamedTuple):
    """The job's end, and what was made, where it came so far."""

    job: RetrainingJob
    made: Retrained | None = None


@dataclass(frozen=True, slots=True)
class Retrainer:
    """Carries out retrainings, each to an end that is kept and told."""

    jobs: Jobs
    desk: Desk
    clock: Clock

    def __call__(self, asked: Asked, progress: Callable[[str], None] = lambda step: None) -> Ended:
        """How it ended: what is wrong with rows, model or platform is the job's `error`.

        progress: told each of `models.retraining.STEPS` as it begins. Raises Unavailable where the end could not be
        told, IllegalTransition where another ended the job, and what is a bug, with which the job has failed as well.
        """
        whose = asked.trigger, asked.reason, asked.requested_by
        job = RetrainingJob(uuid4().hex, asked.model, "pending", *whose, self.clock())
        course = Course(self.jobs, self.desk, self.clock, job)
        with self.jobs.alone(asked.model) as is_alone:
            if is_alone:  # else there is one that is told by its own process
                self._tell_again(asked.model)
                self._end_lost(asked.model)
                self._carry_out(course, asked, progress)
            else:
                course.go("skipped", f"another retraining of {asked.model} runs already")
        return Ended(course.job, course.made)

    def _carry_out(self, course: Course, asked: Asked, progress: Callable[[str], None]) -> None:
        try:
            course.keep()
            self._heed(asked)
            champion = self.desk.champion(asked.model)
            course.go("running", champion_version=champion.version)
            course.made = made = self._made(asked, champion, progress)
            report, result = made.report, result_of(made.report)
            if made.report.verdict.passed:
                self.jobs.save(course.job)  # who has lost the lock meanwhile finds the job ended, and enters nothing
                result["entered"] = dict(self.desk.enter(made, course.job))
            facts: dict[str, Any] = {"rows": report.rows, "digest": report.digest, "candidate_version": report.version}
            course.go("completed", **facts, result=result)
        except BaseException as error:
            course.end(error)

    def _made(self, asked: Asked, champion: Bundle, progress: Callable[[str], None]) -> Retrained:
        if asked.trigger == "online":
            learned = self.desk.learned(champion, asked.least_rows)
            self._refuse_known(asked, champion, learned.digest, learned.learner.rows)
            rows = self.desk.rows(asked.model, learned.since, learned.until, 1)
            return candidate_of(learned, rows, champion, asked.order, progress)
        cutoff = self.clock()
        rows = self.desk.rows(asked.model, cutoff - timedelta(days=asked.days_back), cutoff, asked.least_rows)
        self._refuse_known(asked, champion, rows.digest, len(rows))
        return retrain(rows, champion, asked.order, progress)

    def _refuse_known(self, asked: Asked, champion: Bundle, digest: str, rows: int) -> None:
        """Raises HinderedError for what the last completed job learned already."""
        last = self.jobs.last_completed(asked.model)
        if last is not None and not asked.again and (last.digest, last.champion_version) == (digest, champion.version):
            raise HinderedError(f"no label has come since job {last.job_id}, which had the same {rows} rows")

    def _heed(self, asked: Asked) -> None:
        """Raises HinderedError within the cool-down."""
        last = self.jobs.last_completed(asked.model)
        if last is None or last.ended_at is None or asked.again:
            return
        free = last.ended_at + asked.cool_down
        if self.clock() < free:
            raise HinderedError(
                f"{asked.model} was retrained at {last.ended_at:%Y-%m-%d %H:%M} UTC: it may be again from "
                f"{free:%Y-%m-%d %H:%M} on"
            )

    def _end_lost(self, model: str) -> None:
        """Whoever is not over, but without the lock, has lost its process."""
        for lost in self.jobs.unfinished(model):
            Course(self.jobs, self.desk, self.clock, lost).go("failed", "its process ended without a word")

    def _tell_again(self, model: str) -> None:
        """The last job, as whoever kept it may have died before it was told."""
        for job in self.jobs.latest(model, 1):
            self.desk.tell(job)


def result_of(report: Report) -> dict[str, Any]:
    """What a job says of its candidate, as JSON values."""
    verdict = report.verdict
    return {
        **asdict(verdict),
        "reasons": list(verdict.reasons),
        "sureness": asdict(report.sureness),
        "algorithm": report.tried[0].algorithm,
        "tried": {one.algorithm: one.mean_loss for one in report.tried},
        "candidate": report.candidate,
        "champion": report.champion,
        "unfit": report.unfit,
        "worse_slices": [asdict(one) for one in report.slices if one.worse],
    }
