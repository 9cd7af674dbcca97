"""How good each model version's answers were, window by window."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE = "model_performance"
MOMENT = sa.DateTime(timezone=True)
JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("model_version", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=False),
        sa.Column("start", MOMENT, nullable=False),
        sa.Column("end", MOMENT, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("unusable", sa.BigInteger(), nullable=False),
        sa.Column("revised", sa.BigInteger(), nullable=False),
        sa.Column("measures", JSON, nullable=False),
        sa.Column("missing", JSON, nullable=False),
        sa.Column("corrections", JSON, nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('served', 'shadow')", name="ck_performance_role"),
        sa.CheckConstraint('"rows" >= 0 AND unusable >= 0 AND revised >= 0', name="ck_performance_rows"),
        sa.PrimaryKeyConstraint("model", "model_version", "role", "estimated", "window"),
    )
    op.create_index("ix_performance_latest", TABLE, ["model", "model_version", "end"])


def downgrade() -> None:
    op.drop_table(TABLE)
