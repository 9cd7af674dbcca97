"""Predictions, label revisions, the projection of the keys, positions of the sink."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(length=11), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_signing_key", sa.Text(), nullable=False),
        sa.Column("permissions", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("rate_limit", sa.Integer(), nullable=False),
        sa.Column("burst", sa.Integer(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "label_revisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("row", sa.Integer(), server_default="0", nullable=False),
        sa.Column("label", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("log", sa.Text(), nullable=True),
        sa.Column("partition", sa.Integer(), nullable=True),
        sa.Column("offset", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("label IN (0, 1)", name="ck_label_revision_label"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("log", "partition", "offset", name="uq_label_revision_position"),
    )
    op.create_index("ix_label_revision_request", "label_revisions", ["request_id", "row", "id"], unique=False)
    op.create_table(
        "prediction_feedback",
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("row", sa.Integer(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("entity", sa.String(length=256), nullable=True),
        sa.Column("key_id", sa.String(length=64), nullable=True),
        sa.Column("model", sa.String(length=64), nullable=True),
        sa.Column("model_version", sa.String(length=128), nullable=True),
        sa.Column("routing_strategy", sa.String(length=64), nullable=True),
        sa.Column("arm", sa.String(length=128), nullable=True),
        sa.Column("route_epoch", sa.BigInteger(), nullable=True),
        sa.Column("features", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("predicted_probability", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("predicted_label", sa.Integer(), nullable=True),
        sa.Column("risk_score", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("degraded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("latency_ms", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actual_label", sa.SmallInteger(), nullable=True),
        sa.Column("label_source", sa.String(length=64), nullable=True),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status <> 'ok' OR (features IS NOT NULL AND predicted_probability IS NOT NULL)",
            name="ck_prediction_ok_is_whole",
        ),
        sa.CheckConstraint(
            "status IN ('ok', 'unauthorized', 'forbidden', 'rate_limited', 'invalid', 'expired', 'error')",
            name="ck_prediction_status",
        ),
        sa.CheckConstraint("actual_label IN (0, 1)", name="ck_prediction_actual_label"),
        sa.CheckConstraint("predicted_probability BETWEEN 0 AND 1", name="ck_prediction_probability"),
        sa.CheckConstraint("risk_score BETWEEN 0 AND 100", name="ck_prediction_risk_score"),
        sa.CheckConstraint('"row" >= 0', name="ck_prediction_row"),
        sa.PrimaryKeyConstraint("request_id", "row"),
    )
    op.create_index("ix_prediction_entity", "prediction_feedback", ["entity", "scored_at"], unique=False)
    op.create_index("ix_prediction_model_version", "prediction_feedback", ["model_version", "scored_at"], unique=False)
    op.create_index(
        "ix_prediction_scored_at", "prediction_feedback", ["scored_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        "ix_prediction_unlabelled",
        "prediction_feedback",
        ["scored_at"],
        unique=False,
        postgresql_where=sa.text("actual_label IS NULL AND status = 'ok'"),
    )
    op.create_table(
        "sink_offsets",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("log", "partition"),
    )


def downgrade() -> None:
    op.drop_table("sink_offsets")
    op.drop_index("ix_prediction_unlabelled", table_name="prediction_feedback")
    op.drop_index("ix_prediction_scored_at", table_name="prediction_feedback")
    op.drop_index("ix_prediction_model_version", table_name="prediction_feedback")
    op.drop_index("ix_prediction_entity", table_name="prediction_feedback")
    op.drop_table("prediction_feedback")
    op.drop_index("ix_label_revision_request", table_name="label_revisions")
    op.drop_table("label_revisions")
    op.drop_table("api_keys")
