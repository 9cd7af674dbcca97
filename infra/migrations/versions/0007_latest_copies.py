"""The analysis of shadows looks at the latest copies: an index finds them."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLE = "shadow_predictions"


def upgrade() -> None:
    """Keeps whoever writes copies waiting while the index is made."""
    op.create_index("ix_shadow_latest", TABLE, ["model", "route_epoch", "scored_at"])
    op.drop_index("ix_shadow_route", table_name=TABLE)


def downgrade() -> None:
    op.create_index("ix_shadow_route", TABLE, ["model", "route_epoch", "version"])
    op.drop_index("ix_shadow_latest", table_name=TABLE)
