"""Retraining jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLE = "retraining_jobs"
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("champion_version", sa.String(length=128)),
        sa.Column("candidate_version", sa.String(length=128)),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("digest", sa.String(length=64)),
        sa.Column("result", postgresql.JSONB(none_as_null=True, astext_type=sa.Text())),
        sa.Column("error", sa.Text()),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'running', 'completed', 'failed', 'skipped')", name="ck_job_state"),
        sa.CheckConstraint(
            "trigger IN ('manual', 'drift', 'loss', 'labels', 'age', 'schedule')", name="ck_job_trigger"
        ),
        sa.CheckConstraint(
            "(state IN ('completed', 'failed', 'skipped')) = (ended_at IS NOT NULL)", name="ck_job_has_ended"
        ),
        sa.CheckConstraint(
            "state NOT IN ('running', 'completed') OR started_at IS NOT NULL", name="ck_job_has_started"
        ),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("ix_job_latest", TABLE, ["model", "requested_at"])
    op.create_index("uq_job_running", TABLE, ["model"], unique=True, postgresql_where=sa.text("state = 'running'"))


def downgrade() -> None:
    op.drop_table(TABLE)
