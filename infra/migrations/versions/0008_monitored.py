"""What the monitor tells: episodes of drift step by step, every window's outcome, outliers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
SEVERITY = "severity IN ('info', 'warning', 'critical')"


def upgrade() -> None:
    op.create_table(
        "drift_events",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("timestamp", MOMENT, nullable=False),
        sa.Column("windows", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("model_version", sa.String(length=128), nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("drift_result", JSON, nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("phase IN ('opened', 'worsened', 'resolved')", name="ck_drift_phase"),
        sa.CheckConstraint(SEVERITY, name="ck_drift_severity"),
        sa.CheckConstraint("subject IN ('feature', 'prediction', 'concept')", name="ck_drift_subject"),
        sa.CheckConstraint("cause IN ('schema_change', 'single_producer', 'broad_shift')", name="ck_drift_cause"),
        sa.CheckConstraint("windows >= 1", name="ck_drift_windows"),
        sa.PrimaryKeyConstraint("event_id", "phase", "timestamp", "windows"),
    )
    op.create_index("ix_drift_latest", "drift_events", ["timestamp"])
    op.create_table(
        "drift_windows",
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("model_version", sa.String(length=128), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=False),
        sa.Column("start", MOMENT, nullable=False),
        sa.Column("end", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("late_rows", sa.BigInteger(), nullable=False),
        sa.Column("drift", sa.Boolean(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=True),
        sa.Column("correction", sa.String(length=32), nullable=False),
        sa.Column("alpha", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("threshold", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("smallest_p", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("outcome IN ('tested', 'filling', 'empty', 'no_reference')", name="ck_window_outcome"),
        sa.CheckConstraint(SEVERITY, name="ck_window_severity"),
        sa.CheckConstraint('"rows" >= 0 AND late_rows >= 0', name="ck_window_rows"),
        sa.PrimaryKeyConstraint("model", "model_version", "window"),
    )
    op.create_index("ix_window_latest", "drift_windows", ["model", "model_version", "end"])
    _create_outliers()


def _create_outliers() -> None:
    op.create_table(
        "outlier_events",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("event_type", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("model_version", sa.String(length=128), nullable=False),
        sa.Column("timestamp", MOMENT, nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("entity", sa.Text(), nullable=True),
        sa.Column("outlier_result", JSON, nullable=True),
        sa.Column("rate_result", JSON, nullable=True),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(SEVERITY, name="ck_outlier_severity"),
        sa.CheckConstraint(
            """
            event_type = 'outliers_detected' AND rate_result IS NULL AND request_id IS NOT NULL AND "row" >= 0
                AND entity IS NOT NULL AND outlier_result IS NOT NULL
            OR event_type = 'outlier_rate_high' AND rate_result IS NOT NULL AND outlier_result IS NULL
            """,
            name="ck_outlier_is_whole",
        ),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_outlier_latest", "outlier_events", ["model", "model_version", "timestamp"])
    op.create_index("ix_outlier_request", "outlier_events", ["request_id"])


def downgrade() -> None:
    for table in ("outlier_events", "drift_windows", "drift_events"):
        op.drop_table(table)
