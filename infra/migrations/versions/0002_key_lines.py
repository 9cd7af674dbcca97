"""Whose a key is, and what rotation made of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("owner", sa.String(length=200), nullable=True))
    op.add_column("api_keys", sa.Column("pooled", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("api_keys", sa.Column("family", sa.String(length=11), nullable=True))
    op.add_column("api_keys", sa.Column("rotated_to", sa.String(length=11), nullable=True))
    op.add_column("api_keys", sa.Column("test", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    for name in ("test", "rotated_to", "family", "pooled", "owner"):
        op.drop_column("api_keys", name)
