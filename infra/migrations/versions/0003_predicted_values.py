"""A regression's answer is no probability: its row is whole with the predictions in `metadata`."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME, TABLE = "ck_prediction_ok_is_whole", "prediction_feedback"


def upgrade() -> None:
    _replace(
        "status <> 'ok' OR (features IS NOT NULL "
        "AND (predicted_probability IS NOT NULL OR COALESCE(jsonb_exists(metadata, 'predictions'), false)))"
    )


def downgrade() -> None:
    """Fails where a regression's rows are stored: delete them before."""
    _replace("status <> 'ok' OR (features IS NOT NULL AND predicted_probability IS NOT NULL)")


def _replace(check: str) -> None:
    op.drop_constraint(NAME, TABLE, type_="check")
    op.create_check_constraint(NAME, TABLE, check)
