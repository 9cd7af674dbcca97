"""The tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from schemas.result import STATUSES
from schemas.shadow import SHADOW_CODES


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain class attribute
        datetime: DateTime(timezone=True),
        float: DOUBLE_PRECISION(),
        dict[str, Any]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text),
    }


class Prediction(Base):
    """One row of a request, and the truth once it is known."""

    __tablename__ = "prediction_feedback"

    request_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    row: Mapped[int] = mapped_column(Integer, primary_key=True, server_default="0", autoincrement=False)
    status: Mapped[str] = mapped_column(String(16))
    entity: Mapped[str | None] = mapped_column(String(256))
    key_id: Mapped[str | None] = mapped_column(String(64))
    model: Mapped[str | None] = mapped_column(String(64))
    model_version: Mapped[str | None] = mapped_column(String(128))
    routing_strategy: Mapped[str | None] = mapped_column(String(64))
    arm: Mapped[str | None] = mapped_column(String(128))
    route_epoch: Mapped[int | None] = mapped_column(BigInteger)
    features: Mapped[dict[str, Any] | None]
    predicted_probability: Mapped[float | None]
    predicted_label: Mapped[int | None] = mapped_column(Integer)
    risk_score: Mapped[float | None]
    error: Mapped[dict[str, Any] | None]
    degraded: Mapped[bool] = mapped_column(server_default=text("false"))
    latency_ms: Mapped[float]
    requested_at: Mapped[datetime]
    scored_at: Mapped[datetime]
    actual_label: Mapped[int | None] = mapped_column(SmallInteger)
    label_source: Mapped[str | None] = mapped_column(String(64))
    labelled_at: Mapped[datetime | None]
    extra: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(f"status IN ({', '.join(map(repr, STATUSES))})", name="ck_prediction_status"),
        CheckConstraint('"row" >= 0', name="ck_prediction_row"),
        CheckConstraint("predicted_probability BETWEEN 0 AND 1", name="ck_prediction_probability"),
        CheckConstraint("risk_score BETWEEN 0 AND 100", name="ck_prediction_risk_score"),
        CheckConstraint("actual_label IN (0, 1)", name="ck_prediction_actual_label"),
        CheckConstraint(
            "status <> 'ok' OR (features IS NOT NULL "
            "AND (predicted_probability IS NOT NULL OR COALESCE(jsonb_exists(metadata, 'predictions'), false)))",
            name="ck_prediction_ok_is_whole",
        ),
        Index("ix_prediction_entity", "entity", "scored_at"),
        Index("ix_prediction_model_version", "model_version", "scored_at"),
        Index("ix_prediction_scored_at", "scored_at", postgresql_using="brin"),
        Index(
            "ix_prediction_unlabelled",
            "scored_at",
            postgresql_where=text("actual_label IS NULL AND status = 'ok'"),
        ),
        Index(
            "ix_prediction_labelled",
            "model",
            "labelled_at",
            "scored_at",
            postgresql_where=text("actual_label IS NOT NULL AND status = 'ok'"),
        ),
    )


class LabelRevision(Base):
    """One label as it came; never changed. The one received last counts, in a partition that with the highest offset.

    log, partition, offset: where it lies in Kafka; null for a label that was written directly.
    """

    __tablename__ = "label_revisions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    request_id: Mapped[str] = mapped_column(String(128))
    row: Mapped[int] = mapped_column(Integer, server_default="0")
    label: Mapped[int] = mapped_column(SmallInteger)
    source: Mapped[str] = mapped_column(String(64))
    observed_at: Mapped[datetime | None]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    log: Mapped[str | None] = mapped_column(Text)
    partition: Mapped[int | None] = mapped_column(Integer)
    offset: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("label IN (0, 1)", name="ck_label_revision_label"),
        UniqueConstraint("log", "partition", "offset", name="uq_label_revision_position"),
        Index("ix_label_revision_request", "request_id", "row", "id"),
    )


class ShadowPrediction(Base):
    """A challenger's answer to one row beside the champion's; the truth stands in `prediction_feedback`.

    version, probability, label, latency_ms: the challenger's. predictions: both's, of models that are not binary.
    """

    __tablename__ = "shadow_predictions"

    request_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(String(128), primary_key=True)
    entity: Mapped[str | None] = mapped_column(String(256))
    model: Mapped[str] = mapped_column(String(128))
    route_epoch: Mapped[int] = mapped_column(BigInteger)
    champion_version: Mapped[str] = mapped_column(String(128))
    champion_arm: Mapped[str] = mapped_column(String(128))
    champion_probability: Mapped[float | None]
    champion_label: Mapped[str | None] = mapped_column(Text)
    champion_latency_ms: Mapped[float]
    probability: Mapped[float | None]
    label: Mapped[str | None] = mapped_column(Text)
    latency_ms: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(String(16))
    error_id: Mapped[str | None] = mapped_column(String(36))
    difference: Mapped[float | None]
    agrees: Mapped[bool | None]
    predictions: Mapped[dict[str, Any] | None]
    requested_at: Mapped[datetime]
    scored_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(f"error IN ({', '.join(map(repr, SHADOW_CODES))})", name="ck_shadow_error"),
        CheckConstraint('"row" >= 0', name="ck_shadow_row"),
        Index("ix_shadow_latest", "model", "route_epoch", "scored_at"),
    )


class StoredKey(Base):
    """The projection of the `api-keys` topic."""

    __tablename__ = "api_keys"

    key_id: Mapped[str] = mapped_column(String(11), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    key_hash: Mapped[str] = mapped_column(String(64))
    sealed_signing_key: Mapped[str] = mapped_column(Text)
    permissions: Mapped[list[str]]
    rate_limit: Mapped[int] = mapped_column(Integer)
    burst: Mapped[int | None] = mapped_column(Integer)
    tier: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(String(200))
    pooled: Mapped[bool] = mapped_column(server_default=text("false"))
    family: Mapped[str | None] = mapped_column(String(11))
    rotated_to: Mapped[str | None] = mapped_column(String(11))
    test: Mapped[bool] = mapped_column(server_default=text("false"))


class SinkOffset(Base):
    """How far one partition has been stored.

    log: identity of the topic's log: a topic that is deleted and made again starts at offset 0.
    """

    __tablename__ = "sink_offsets"

    log: Mapped[str] = mapped_column(Text, primary_key=True)
    partition: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    next_offset: Mapped[int] = mapped_column(BigInteger)
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now())
