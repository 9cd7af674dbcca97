"""Retraining jobs as their processes keep them, one at a time of a model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from infra.database.engine import create_db_session
from infra.database.faults import reaching_postgres
from infra.database.retrainings import RetrainingRepository
from schemas.retraining import RetrainingJob

_LOCKS = 0x72657472
"""The first half of every lock's name here: the bytes of "retr". The second is the model's hash."""


class Jobs:
    """The jobs in Postgres. Every method raises Unavailable while it is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, job: RetrainingJob) -> None:
        """Keep the job as it stands; the same again changes nothing.

        Raises IllegalTransition where it stands otherwise already, or another of the model runs.
        """
        with self._repository() as repository:
            repository.save_job(job)

    def latest(self, model: str | None = None, limit: int = 20) -> Sequence[RetrainingJob]:
        """The latest jobs, of one model or of all, the newest first."""
        with self._repository() as repository:
            return repository.get_jobs(model, limit=limit)

    def last_completed(self, model: str) -> RetrainingJob | None:
        """However many were skipped or have failed since."""
        with self._repository() as repository:
            return next(iter(repository.get_jobs(model, "completed", limit=1)), None)

    def unfinished(self, model: str) -> Sequence[RetrainingJob]:
        """Those of the model that are pending or run, or whose process ended without a word, the newest first."""
        with self._repository() as repository:
            return repository.get_jobs(model, "pending", "running")

    @contextmanager
    def alone(self, model: str) -> Iterator[bool]:
        """Whether nobody else retrains the model; then nobody does until the end. The lock falls with its process."""
        name = {"space": _LOCKS, "model": model}
        with reaching_postgres(), self._engine.connect() as connection:
            line = connection.execution_options(isolation_level="AUTOCOMMIT")
            # It may wait for longer than a connection may be idle, but is in no transaction meanwhile.
            is_alone = bool(line.scalar(text("SELECT pg_try_advisory_lock(:space, hashtext(:model))"), name))
            try:
                yield is_alone
            finally:
                with suppress(DBAPIError):  # with its connection the lock is gone as well
                    line.execute(text("SELECT pg_advisory_unlock(:space, hashtext(:model))"), name)

    @contextmanager
    def _repository(self) -> Iterator[RetrainingRepository]:
        with create_db_session(self._engine) as session:
            yield RetrainingRepository(session)
