"""A trainer counts labels at every look: an index counts them, as it read every answer for that."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAME, TABLE = "ix_prediction_labelled", "prediction_feedback"


def upgrade() -> None:
    """Keeps whoever writes answers waiting while the index is made: two seconds for a million."""
    op.create_index(
        NAME,
        TABLE,
        ["model", "labelled_at", "scored_at"],
        postgresql_where=sa.text("actual_label IS NOT NULL AND status = 'ok'"),
    )


def downgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
