"""Retraining jobs: the table is the truth, and one retraining of a model runs at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from msgspec import convert
from msgspec.structs import asdict
from sqlalchemy import BigInteger, CheckConstraint, Connection, Engine, Index, Integer, String, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine import create_db_session
from infra.database.faults import reaching_postgres
from infra.database.monitored import one_of
from infra.database.tables import Base
from schemas.retraining import IllegalTransition, RetrainingJob, State, Trigger

_LOCKS = 0x72657472
"""The first half of every lock's name here: the bytes of "retr". The second is the model's hash."""


class JobRow(Base):
    """A retraining as it stands, see `schemas.retraining`."""

    __tablename__ = "retraining_jobs"

    job_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(16))
    trigger: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    champion_version: Mapped[str | None] = mapped_column(String(128))
    candidate_version: Mapped[str | None] = mapped_column(String(128))
    rows: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
    schema_version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(one_of("state", State), name="ck_job_state"),
        CheckConstraint(one_of("trigger", Trigger), name="ck_job_trigger"),
        CheckConstraint(
            "(state IN ('completed', 'failed', 'skipped')) = (ended_at IS NOT NULL)", name="ck_job_has_ended"
        ),
        CheckConstraint("state NOT IN ('running', 'completed') OR started_at IS NOT NULL", name="ck_job_has_started"),
        Index("ix_job_latest", "model", "requested_at"),
        Index("uq_job_running", "model", unique=True, postgresql_where=text("state = 'running'")),
    )


class Jobs:
    """The jobs in Postgres. Every method raises Unavailable while it is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, job: RetrainingJob) -> None:
        """Keep the job as it stands; the same again changes nothing.

        Raises IllegalTransition where it stands otherwise already, or another of the model runs.
        """
        given = asdict(job)
        ranks = {"pending": ("pending",), "running": ("pending",)}
        before = ranks.get(job.state, ("pending", "running"))
        statement = insert(JobRow).values(given)
        changed = statement.on_conflict_do_update(
            index_elements=[JobRow.job_id],
            set_={name: statement.excluded[name] for name in given if name != "job_id"},
            where=JobRow.state.in_(before),
        ).returning(JobRow.job_id)
        with reaching_postgres(), self._engine.begin() as connection:
            if job.state == "running" and (other := _running(connection, job.model)) and other.job_id != job.job_id:
                raise IllegalTransition(f"job {other.job_id} of {job.model} runs already: wait for its end")
            if connection.execute(changed).first() is None and (stored := _job(connection, job.job_id)) != job:
                state = stored.state if stored else "gone"
                raise IllegalTransition(f"job {job.job_id} is {state} already: it cannot become {job.state}")

    def latest(self, model: str | None = None, limit: int = 20) -> Sequence[RetrainingJob]:
        """The latest jobs, of one model or of all, the newest first."""
        query = select(JobRow).order_by(JobRow.requested_at.desc(), JobRow.job_id).limit(limit)
        query = query if model is None else query.where(JobRow.model == model)
        with reaching_postgres(), create_db_session(self._engine) as session:
            return [_read(row) for row in session.scalars(query)]

    def last_completed(self, model: str) -> RetrainingJob | None:
        """However many were skipped or have failed since."""
        with reaching_postgres(), self._engine.connect() as connection:
            return last_jobs(connection, model)[1]

    def unfinished(self, model: str) -> Sequence[RetrainingJob]:
        """Those of the model that are pending or run, or whose process ended without a word, the oldest first."""
        of_model = select(JobRow).where(JobRow.model == model, JobRow.state.in_(("pending", "running")))
        with reaching_postgres(), create_db_session(self._engine) as session:
            return [_read(row) for row in session.scalars(of_model.order_by(JobRow.requested_at, JobRow.job_id))]

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


def last_jobs(connection: Connection, model: str) -> tuple[RetrainingJob | None, RetrainingJob | None]:
    """The model's last job, however it stands, and the last one that was completed."""
    query = select(JobRow).where(JobRow.model == model).order_by(JobRow.requested_at.desc(), JobRow.job_id).limit(1)
    with create_db_session(connection) as session:
        last, completed = session.scalar(query), session.scalar(query.where(JobRow.state == "completed"))
        return None if last is None else _read(last), None if completed is None else _read(completed)


def _running(connection: Connection, model: str) -> RetrainingJob | None:
    with create_db_session(connection) as session:
        row = session.scalar(select(JobRow).where(JobRow.model == model, JobRow.state == "running"))
        return None if row is None else _read(row)


def _job(connection: Connection, job_id: str) -> RetrainingJob | None:
    with create_db_session(connection) as session:
        row = session.get(JobRow, job_id)
        return None if row is None else _read(row)


def _read(row: JobRow) -> RetrainingJob:
    return convert(row, RetrainingJob, from_attributes=True)
