"""Copies are compared where they have labels: of a regression's none disagreed, which was taken for agreement."""

from alembic import op

from infra.migrations import counting as sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAME = "count_copies"
LABELLED = sql.COPIES.replace("sum(requests - compared)", "sum(errors)").replace(
    'count(*) FILTER (WHERE "row" = 0 AND error IS NULL) AS compared',
    'count(*) FILTER (WHERE "row" = 0 AND error IS NULL AND agrees IS NOT NULL) AS compared,\n'
    '            count(*) FILTER (WHERE "row" = 0 AND error IS NOT NULL) AS errors',
)
UNLABELLED = f"""
    INSERT INTO arm_deltas ({sql.KEY}, compared)
    SELECT model, route_epoch, NULL, version, {{sign}} * count(*) FROM shadow_predictions
    WHERE "row" = 0 AND error IS NULL AND agrees IS NULL GROUP BY model, route_epoch, version
"""  # noqa: S608 - every name is its own


def upgrade() -> None:
    """Keeps whoever writes copies waiting while it looks for those without labels."""
    op.execute("LOCK TABLE shadow_predictions IN SHARE ROW EXCLUSIVE MODE")
    _count_copies(LABELLED)
    op.execute(UNLABELLED.format(sign="-1"))


def downgrade() -> None:
    op.execute("LOCK TABLE shadow_predictions IN SHARE ROW EXCLUSIVE MODE")
    _count_copies(sql.COPIES)
    op.execute(UNLABELLED.format(sign="1"))


def _count_copies(copies: str) -> None:
    """Everything else of the function is as revision 0005 has it."""
    truths = f"({sql.STORED.format(sql.TRUTH)}) AS truth"
    counted = (
        copies.format(copies="new_rows"),
        sql.DISAGREEMENTS.format(copies="new_rows"),
        sql.TRUTHS.format(first="new_rows AS copy", second=truths, found="truth"),
    )
    body = f"IF EXISTS (SELECT FROM new_rows) THEN {'; '.join(counted)}; END IF;"
    op.execute(
        f"CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off "
        f"AS $$ BEGIN {body} RETURN NULL; END $$"
    )
