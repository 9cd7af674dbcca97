"""A rate of outliers that is too high is an episode among the drifts."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLE, NAME = "drift_events", "ck_drift_subject"


def upgrade() -> None:
    op.drop_constraint(NAME, TABLE)
    op.create_check_constraint(NAME, TABLE, "subject IN ('feature', 'prediction', 'concept', 'outliers')")


def downgrade() -> None:
    op.execute("DELETE FROM drift_events WHERE subject = 'outliers'")
    op.drop_constraint(NAME, TABLE)
    op.create_check_constraint(NAME, TABLE, "subject IN ('feature', 'prediction', 'concept')")
