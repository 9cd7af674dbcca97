"""The tables of what the monitor tells: drifts, windows, outliers."""

from datetime import datetime
from typing import Any, get_args

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.tables import Base
from schemas.drift_events import Cause, Phase, Severity, Subject


def one_of(column: str, choice: Any) -> str:
    return f"{column} IN ({', '.join(map(repr, get_args(choice)))})"


class DriftStep(Base):
    """One step of an episode of drift. drift_result: the whole case, as on the topic.

    Two windows may end in the same moment: what tells a step from another is the count of windows that have drifted.
    """

    __tablename__ = "drift_events"

    event_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    phase: Mapped[str] = mapped_column(String(16), primary_key=True)
    timestamp: Mapped[datetime] = mapped_column(primary_key=True)
    windows: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    severity: Mapped[str] = mapped_column(String(16))
    model: Mapped[str] = mapped_column(String(128))
    model_version: Mapped[str] = mapped_column(String(128))
    subject: Mapped[str] = mapped_column(String(16))
    feature: Mapped[str] = mapped_column(Text)
    first_seen: Mapped[datetime]
    drift_result: Mapped[dict[str, Any]]
    cause: Mapped[str | None] = mapped_column(String(32))
    source: Mapped[str | None] = mapped_column(Text)
    schema_version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(one_of("phase", Phase), name="ck_drift_phase"),
        CheckConstraint(one_of("severity", Severity), name="ck_drift_severity"),
        CheckConstraint(one_of("subject", Subject), name="ck_drift_subject"),
        CheckConstraint(one_of("cause", Cause), name="ck_drift_cause"),
        CheckConstraint("windows >= 1", name="ck_drift_windows"),
        Index("ix_drift_latest", "timestamp"),
    )

    @property
    def event_type(self) -> str:
        """As the topic has it."""
        return "drift_resolved" if self.phase == "resolved" else "drift_detected"


class DriftWindowRow(Base):
    """What one window of a model version was judged to be; features: each of them, and the predictions."""

    __tablename__ = "drift_windows"

    model: Mapped[str] = mapped_column(String(128), primary_key=True)
    model_version: Mapped[str] = mapped_column(String(128), primary_key=True)
    window: Mapped[str] = mapped_column(String(64), primary_key=True)
    start: Mapped[datetime]
    end: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(16))
    rows: Mapped[int] = mapped_column(BigInteger)
    late_rows: Mapped[int] = mapped_column(BigInteger)
    drift: Mapped[bool]
    severity: Mapped[str | None] = mapped_column(String(16))
    correction: Mapped[str] = mapped_column(String(32))
    alpha: Mapped[float]
    threshold: Mapped[float | None]
    smallest_p: Mapped[float | None]
    features: Mapped[list[Any]] = mapped_column(JSONB)
    schema_version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint("outcome IN ('tested', 'filling', 'empty', 'no_reference')", name="ck_window_outcome"),
        CheckConstraint(one_of("severity", Severity), name="ck_window_severity"),
        CheckConstraint('"rows" >= 0 AND late_rows >= 0', name="ck_window_rows"),
        Index("ix_window_latest", "model", "model_version", "end"),
    )


class OutlierRow(Base):
    """A row of a request that looks like none in training, or a rate of too many of them."""

    __tablename__ = "outlier_events"

    event_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    model: Mapped[str] = mapped_column(String(128))
    model_version: Mapped[str] = mapped_column(String(128))
    timestamp: Mapped[datetime]
    request_id: Mapped[str | None] = mapped_column(String(128))
    row: Mapped[int | None] = mapped_column(Integer)
    entity: Mapped[str | None] = mapped_column(Text)
    outlier_result: Mapped[dict[str, Any] | None]
    rate_result: Mapped[dict[str, Any] | None]
    schema_version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(one_of("severity", Severity), name="ck_outlier_severity"),
        CheckConstraint(
            """
            event_type = 'outliers_detected' AND rate_result IS NULL AND request_id IS NOT NULL AND "row" >= 0
                AND entity IS NOT NULL AND outlier_result IS NOT NULL
            OR event_type = 'outlier_rate_high' AND rate_result IS NOT NULL AND outlier_result IS NULL
            """,
            name="ck_outlier_is_whole",
        ),
        Index("ix_outlier_latest", "model", "model_version", "timestamp"),
        Index("ix_outlier_request", "request_id"),
    )
