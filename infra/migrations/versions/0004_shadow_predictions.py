"""What challengers answered beside the champion, and the way to a route's answers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shadow_predictions",
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("entity", sa.String(length=256), nullable=True),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("route_epoch", sa.BigInteger(), nullable=False),
        sa.Column("champion_version", sa.String(length=128), nullable=False),
        sa.Column("champion_arm", sa.String(length=128), nullable=False),
        sa.Column("champion_probability", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("champion_label", sa.Text(), nullable=True),
        sa.Column("champion_latency_ms", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("probability", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("error", sa.String(length=16), nullable=True),
        sa.Column("error_id", sa.String(length=36), nullable=True),
        sa.Column("difference", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("agrees", sa.Boolean(), nullable=True),
        sa.Column("predictions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "error IN ('failed', 'timeout', 'not_a_number', 'invalid', 'unavailable', 'skipped')",
            name="ck_shadow_error",
        ),
        sa.CheckConstraint('"row" >= 0', name="ck_shadow_row"),
        sa.PrimaryKeyConstraint("request_id", "row", "version"),
    )
    op.create_index("ix_shadow_route", "shadow_predictions", ["model", "route_epoch", "version"], unique=False)
    op.create_index("ix_prediction_route", "prediction_feedback", ["model", "route_epoch", "arm"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_prediction_route", table_name="prediction_feedback")
    op.drop_index("ix_shadow_route", table_name="shadow_predictions")
    op.drop_table("shadow_predictions")
