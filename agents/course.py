"""A retraining job on its way: kept and told step by step, and ended whatever ends it."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from agents.ports import Clock
from models.bundle import Bundle
from models.retraining import LabelledRows, Learned, Retrained
from schemas.errors import NotEnoughData, WeirError
from schemas.retraining import IllegalTransition, RetrainingJob, State

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

    def unfinished(self, model: str) -> Sequence[RetrainingJob]:
        """Pending and running ones."""
        ...

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

    def learned(self, champion: Bundle, least: int) -> Learned:
        """What its online learner has come to. Raises InvalidRequest without one, NotEnoughData, Unavailable."""
        ...

    def enter(self, made: Retrained, job: RetrainingJob) -> Mapping[str, Any]:
        """Publish the candidate and put it beside the champion, never in its place; what came of it, as JSON values.

        Raises Unavailable, and Refused where the control agent refuses.
        """
        ...

    def tell(self, job: RetrainingJob) -> None:
        """Raises Unavailable."""
        ...


class HinderedError(Exception):
    """It is too soon, or no label has come since the last retraining."""


@dataclass
class Course:
    """A job on its way: what it becomes stands here before it is kept, so that an interrupt ends what it is by then."""

    jobs: Jobs
    desk: Desk
    clock: Clock
    job: RetrainingJob
    made: Retrained | None = None

    def go(self, state: State, error: str | None = None, **facts: Any) -> None:
        self.job = self.job.to(state, self.clock(), error=error, **facts)
        self.keep()
        if self.job.is_over:
            log = _log.info if state == "completed" else _log.warning
            said = {"model": self.job.model, "job_id": self.job.job_id, "error": error}
            log("retraining %s", state, extra={"data": said})

    def keep(self) -> None:
        self.jobs.save(self.job)
        self.desk.tell(self.job)

    def end(self, error: BaseException) -> None:
        """Raises the error again where it is nobody's answer, or the job is over by now."""
        if isinstance(error, IllegalTransition):
            raise error
        if self.job.is_over:  # kept, whoever interrupts; what is not told is told by the next one
            self.jobs.save(self.job)
            raise error
        self.go(*_ending(error))
        if not isinstance(error, (WeirError, HinderedError)):
            raise error


def _ending(error: BaseException) -> tuple[State, str]:
    if isinstance(error, (NotEnoughData, HinderedError)):
        return "skipped", str(error)
    if isinstance(error, KeyboardInterrupt):
        return "failed", "it was told to stop before its end"
    return "failed", str(error) if isinstance(error, WeirError) else f"{type(error).__name__}: {error}"
