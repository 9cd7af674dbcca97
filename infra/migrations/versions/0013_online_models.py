"""Online learners, and the jobs that try what they have come to."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLE, JOBS, NAME = "online_models", "retraining_jobs", "ck_job_trigger"
MOMENT = sa.DateTime(timezone=True)
TRIGGERS = "'manual', 'drift', 'loss', 'labels', 'age', 'schedule'"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("champion_version", sa.String(length=128), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("edition", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("kept_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint('next_offset >= 0 AND "rows" >= 0 AND edition > 0', name="ck_online_counts"),
        sa.PrimaryKeyConstraint("model"),
    )
    op.drop_constraint(NAME, JOBS)
    op.create_check_constraint(NAME, JOBS, f"trigger IN ({TRIGGERS}, 'online')")


def downgrade() -> None:
    op.execute("DELETE FROM retraining_jobs WHERE trigger = 'online'")
    op.drop_constraint(NAME, JOBS)
    op.create_check_constraint(NAME, JOBS, f"trigger IN ({TRIGGERS})")
    op.drop_table(TABLE)
