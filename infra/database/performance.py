"""The table of how good models are."""

from datetime import datetime
from typing import Any, get_args

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, func
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.tables import Base
from schemas.labelled import Role


class Performance(Base):
    """A window of one version's answers, as the topic has it: see `schemas.performance`."""

    __tablename__ = "model_performance"

    model: Mapped[str] = mapped_column(String(128), primary_key=True)
    model_version: Mapped[str] = mapped_column(String(128), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    estimated: Mapped[bool] = mapped_column(primary_key=True)
    window: Mapped[str] = mapped_column(String(64), primary_key=True)
    start: Mapped[datetime]
    end: Mapped[datetime]
    rows: Mapped[int] = mapped_column(BigInteger)
    unusable: Mapped[int] = mapped_column(BigInteger)
    revised: Mapped[int] = mapped_column(BigInteger)
    measures: Mapped[dict[str, Any]]
    missing: Mapped[dict[str, Any]]
    corrections: Mapped[dict[str, Any]]
    schema_version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(f"role IN ({', '.join(map(repr, get_args(Role)))})", name="ck_performance_role"),
        CheckConstraint('"rows" >= 0 AND unusable >= 0 AND revised >= 0', name="ck_performance_rows"),
        Index("ix_performance_latest", "model", "model_version", "end"),
    )
