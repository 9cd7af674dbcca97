"""A retraining from its cause to its end: alone for its model, told step by step, and what it makes answers nobody."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

from agents.ports import Clock
from models.bundle import Bundle
from models.retraining import LabelledRows, Order, Report, Retrained, retrain
from schemas.errors import NotEnoughData, WeirError
from schemas.retraining import RetrainingJob, State, Trigger

_log = logging.getLogger("weir.retrain")


class Jobs(Protocol):
    """Where jobs are kept. Raises Unavailable."""

    def save(self, job: RetrainingJob) -> None:
        """Raises IllegalTransition."""
        ...

    def latest(self, model: str | None = None, limit: int = 20) -> Sequence[RetrainingJob]:
        """The newest first."""
        ...

    def last_completed(self, model: str) -> RetrainingJob | None: ...

    def running(self, model: str) -> RetrainingJob | None: ...

    def alone(self, model: str) -> AbstractContextManager[bool]:
        """Whether nobody else retrains the model until the end."""
        ...


class Desk(Protocol):
    """What a retraining needs from outside."""

    def champion(self, model: str) -> Bundle:
        """Who answers now. Raises InvalidRequest for a model without a route, BundleRefused, Unavailable."""
        ...

    def rows(self, model: str, first: datetime, cutoff: datetime, least: int) -> LabelledRows:
        """What was scored from `first` on and labelled until the cut-off. Raises NotEnoughData, Unavailable."""
        ...

    def enter(self, made: Retrained, job: RetrainingJob) -> Mapping[str, Any]:
        """Publish the candidate and put it beside the champion, never in its place; what came of it, as JSON values.

        Raises Unavailable, and Refused where the control agent refuses.
        """
        ...

    def tell(self, job: RetrainingJob) -> None:
        """Raises Unavailable."""
        ...


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


class _NothingNewError(Exception):
    """No label has come since the last retraining."""


@dataclass(frozen=True, slots=True)
class Retrainer:
    """Carries out retrainings, each to an end that is kept and told."""

    jobs: Jobs
    desk: Desk
    clock: Clock

    def __call__(self, asked: Asked, progress: Callable[[str], None] = lambda step: None) -> Ended:
        """How it ended: what is wrong with rows, model or platform is the job's `error`.

        progress: told each of `models.retraining.STEPS` as it begins. Raises Unavailable where the end could not be
        told, and what is a bug, with which the job has failed as well.
        """
        self._tell_again(asked.model)
        whose = asked.trigger, asked.reason, asked.requested_by
        job = self._kept(RetrainingJob(uuid4().hex, asked.model, "pending", *whose, self.clock()))
        with self.jobs.alone(asked.model) as is_alone:
            reason = self._hindrance(asked) if is_alone else f"another retraining of {asked.model} runs already"
            return Ended(self._over(job, "skipped", reason)) if reason else self._carried_out(job, asked, progress)

    def _carried_out(self, job: RetrainingJob, asked: Asked, progress: Callable[[str], None]) -> Ended:
        made = None
        try:
            champion = self.desk.champion(asked.model)
            job = self._kept(job.to("running", self.clock(), champion_version=champion.version))
            rows = self._rows(asked, champion)
            made = retrain(rows, champion, asked.order, progress)
            facts = {"rows": len(rows), "digest": rows.digest, "candidate_version": made.report.version}
            result = result_of(made.report)
            if made.report.verdict.passed:
                result["entered"] = dict(self.desk.enter(made, job))
        except (NotEnoughData, _NothingNewError) as error:
            return Ended(self._over(job, "skipped", str(error)))
        except WeirError as error:
            return Ended(self._over(job, "failed", str(error)), made)
        except BaseException as error:
            self._over(job, "failed", f"{type(error).__name__}: {error}")
            raise
        # Whoever interrupts from here on finds it kept, and no failure: what is not told is told by the next one.
        return Ended(self._over(job, "completed", None, result=result, **facts), made)

    def _rows(self, asked: Asked, champion: Bundle) -> LabelledRows:
        cutoff = self.clock()
        rows = self.desk.rows(asked.model, cutoff - timedelta(days=asked.days_back), cutoff, asked.least_rows)
        last = self.jobs.last_completed(asked.model)
        if (
            last is not None
            and not asked.again
            and (last.digest, last.champion_version)
            == (
                rows.digest,
                champion.version,
            )
        ):
            raise _NothingNewError(f"no label has come since job {last.job_id}, which had the same {len(rows)} rows")
        return rows

    def _hindrance(self, asked: Asked) -> str | None:
        """Why it is too soon. A job that runs by its state, but without the lock, has lost its process."""
        if (lost := self.jobs.running(asked.model)) is not None:
            self._over(lost, "failed", "its process ended without a word")
        last = self.jobs.last_completed(asked.model)
        if last is None or last.ended_at is None or asked.again:
            return None
        free = last.ended_at + asked.cool_down
        if self.clock() >= free:
            return None
        return (
            f"{asked.model} was retrained at {last.ended_at:%Y-%m-%d %H:%M} UTC: it may be again from {free:%H:%M} on"
        )

    def _tell_again(self, model: str) -> None:
        """The last job, as whoever kept it may have died before it was told."""
        for job in self.jobs.latest(model, 1):
            self.desk.tell(job)

    def _over(self, job: RetrainingJob, state: State, error: str | None, **facts: Any) -> RetrainingJob:
        log = _log.info if state == "completed" else _log.warning
        log("retraining %s", state, extra={"data": {"model": job.model, "job_id": job.job_id, "error": error}})
        return self._kept(job.to(state, self.clock(), error=error, **facts))

    def _kept(self, job: RetrainingJob) -> RetrainingJob:
        self.jobs.save(job)
        self.desk.tell(job)
        return job


def result_of(report: Report) -> dict[str, Any]:
    """What a job says of its candidate, as JSON values."""
    verdict = report.verdict
    return {
        **asdict(verdict),
        "reasons": list(verdict.reasons),
        "algorithm": report.tried[0].algorithm,
        "tried": {one.algorithm: one.mean_loss for one in report.tried},
        "candidate": report.candidate,
        "champion": report.champion,
        "worse_slices": [asdict(one) for one in report.slices if one.worse],
    }
