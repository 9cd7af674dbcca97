"""The table of retraining jobs, one call at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict, Unpack, get_args
from uuid import uuid4

from msgspec import convert
from msgspec.structs import asdict
from sqlalchemy import BigInteger, CheckConstraint, Connection, Index, Integer, String, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from infra.database.committing import committing
from infra.database.engine import create_db_session
from infra.database.monitored import one_of
from infra.database.tables import Base
from schemas.errors import InvalidRequest
from schemas.request import describe
from schemas.retraining import IllegalTransition, RetrainingJob, State, Trigger

_BEFORE: dict[State, tuple[State, ...]] = {"pending": ("pending",), "running": ("pending",)}
"""Where a job stands before it stands there, at least; an end comes after either."""


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


class Facts(TypedDict, total=False):
    """What is known of a job as it goes on, see `schemas.retraining`."""

    champion_version: str
    candidate_version: str
    rows: int
    digest: str
    result: dict[str, Any]
    error: str


class RetrainingRepository:
    """Jobs in one session; every method commits, and rolls back before it raises.

    Each raises Unavailable while Postgres does not answer.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def create_job(
        self, model: str, *, trigger: Trigger = "manual", reason: str = "asked for", requested_by: str
    ) -> RetrainingJob:
        """A job that is pending. Raises InvalidRequest for an unknown trigger."""
        if trigger not in get_args(Trigger):
            known = ", ".join(get_args(Trigger))
            raise InvalidRequest(f"trigger: {describe(trigger)} is not one of {known}")
        job = RetrainingJob(uuid4().hex, model, "pending", trigger, reason, requested_by, datetime.now(UTC))
        self.save_job(job)
        return job

    def update_job(self, job_id: str, state: State, **facts: Unpack[Facts]) -> RetrainingJob:
        """The job in its next state.

        Raises IllegalTransition where it cannot go there, or another of its model runs; InvalidRequest for a job that
        is unknown.
        """
        job = self.get_job(job_id)
        if job is None:
            raise InvalidRequest(f"no retraining job {describe(job_id)}: create it first")
        changed = job.to(state, datetime.now(UTC), **facts)
        self.save_job(changed)
        return changed

    def save_job(self, job: RetrainingJob) -> None:
        """Keep the job as it stands; the same again changes nothing.

        Raises IllegalTransition where it stands otherwise already, or another of the model runs.
        """
        given = asdict(job)
        statement = insert(JobRow).values(given)
        changed = statement.on_conflict_do_update(
            index_elements=[JobRow.job_id],
            set_={name: statement.excluded[name] for name in given if name != "job_id"},
            where=JobRow.state.in_(_BEFORE.get(job.state, ("pending", "running"))),
        ).returning(JobRow.job_id)
        with committing(self._session):
            runs = self._found(job.model, ("running",), 1) if job.state == "running" else []
            if runs and runs[0].job_id != job.job_id:
                raise IllegalTransition(f"job {runs[0].job_id} of {job.model} runs already: wait for its end")
            if self._session.execute(changed).first() is None and (stored := self._job(job.job_id)) != job:
                state = stored.state if stored else "gone"
                raise IllegalTransition(f"job {job.job_id} is {state} already: it cannot become {job.state}")

    def get_job(self, job_id: str) -> RetrainingJob | None:
        with committing(self._session):
            return self._job(job_id)

    def get_jobs(self, model: str | None = None, *states: State, limit: int = 20) -> Sequence[RetrainingJob]:
        """The latest jobs, of one model or of all, in these states or in any, the newest first."""
        with committing(self._session):
            return self._found(model, states, limit)

    def _found(self, model: str | None, states: Sequence[State], limit: int) -> list[RetrainingJob]:
        query = select(JobRow).order_by(JobRow.requested_at.desc(), JobRow.job_id).limit(limit)
        query = query if model is None else query.where(JobRow.model == model)
        query = query.where(JobRow.state.in_(states)) if states else query
        return list(map(_read, self._session.scalars(query, execution_options={"populate_existing": True})))

    def _job(self, job_id: str) -> RetrainingJob | None:
        row = self._session.get(JobRow, job_id, populate_existing=True)
        return None if row is None else _read(row)


def last_jobs(connection: Connection, model: str) -> tuple[datetime | None, RetrainingJob | None]:
    """When one of the model's jobs ended last, or began, and the last completed one that learned from the table."""
    moment = func.max(func.coalesce(JobRow.ended_at, JobRow.started_at, JobRow.requested_at))
    completed = select(JobRow).where(JobRow.model == model, JobRow.state == "completed", JobRow.trigger != "online")
    with create_db_session(connection) as session:
        found = session.scalar(completed.order_by(JobRow.requested_at.desc(), JobRow.job_id).limit(1))
        last = session.scalar(select(moment).where(JobRow.model == model))
        return last, None if found is None else _read(found)


def _read(row: JobRow) -> RetrainingJob:
    return convert(row, RetrainingJob, from_attributes=True)
