"""Running totals of each arm: a look at a route sums a few rows, however many answers there are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations import counting as sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Who tells a truth and who stores a copy at the same time do not see each other's rows: copies share this lock, truths
# hold it alone and look for copies then. Copies take it before their rows, and who tells a truth waits for no copy; so
# two are in each other's way only where both write a request whose label came first, and one writes its batch in parts.
LOCK = 0x736861646F77
COUNT_ANSWERS = f"""
    IF EXISTS (SELECT FROM new_rows) THEN
        {{answers}};
        IF EXISTS (SELECT FROM ({{truths}}) AS told WHERE actual_label IS NOT NULL) THEN
            PERFORM pg_advisory_xact_lock({LOCK});
            {{judged}};
        END IF;
    END IF;
"""  # noqa: S608 - every name is its own

ENTITY = ("route", "route_epoch", "arm", "entity")
NEW, BOTH = "REFERENCING NEW TABLE AS new_rows", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
TRIGGERS = {
    "count_inserted_answers": f"AFTER INSERT ON prediction_feedback {NEW}",
    "count_updated_answers": f"AFTER UPDATE ON prediction_feedback {BOTH}",
    "share_copies": "BEFORE INSERT ON shadow_predictions",
    "count_copies": f"AFTER INSERT ON shadow_predictions {NEW}",
    "fold_deltas": "AFTER INSERT ON arm_deltas REFERENCING NEW TABLE AS new_deltas",
}


def upgrade() -> None:
    """Keeps whoever writes answers waiting while it reads all there are."""
    _create_tables()
    op.execute(sql.BUCKET)
    _count("count_inserted_answers", _counted(sql.INSERTED))
    _count("count_updated_answers", _counted(sql.UPDATED))
    _count("share_copies", f"PERFORM pg_advisory_xact_lock_shared({LOCK});")
    _count("count_copies", f"IF EXISTS (SELECT FROM new_rows) THEN {'; '.join(_of_copies('new_rows'))}; END IF;")
    # As often as costs nothing; what it inserts itself is folded already.
    fold = f"IF pg_trigger_depth() < 3 AND random() < 1.0 / 64 THEN {sql.FOLD}; {sql.FORGET}; END IF;"
    _count("fold_deltas", fold)
    stored = sql.STORED.format(sql.ANSWER)
    op.execute(sql.ANSWERS.format(source=stored, is_met=sql.IN_NEWEST_EPOCH))
    for counted in _of_copies("shadow_predictions"):
        op.execute(counted)
    op.drop_index("ix_prediction_route", table_name="prediction_feedback")


def downgrade() -> None:
    op.create_index("ix_prediction_route", "prediction_feedback", ["model", "route_epoch", "arm"], unique=False)
    for name, trigger in TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {trigger.split(' ON ')[1].split()[0]}")
        op.execute(f"DROP FUNCTION {name}()")
    op.execute("DROP FUNCTION latency_bucket(double precision)")
    op.drop_table("arm_entities")
    op.drop_index("ix_arm_delta_route", table_name="arm_deltas")
    op.drop_table("arm_deltas")


def _create_tables() -> None:
    op.create_table(
        "arm_deltas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("route_epoch", sa.BigInteger(), nullable=False),
        sa.Column("arm", sa.String(length=128), nullable=True),
        sa.Column("version", sa.String(length=128), nullable=True),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in sql.COUNTS),
        *(sa.Column(name, sa.DOUBLE_PRECISION(), server_default="0", nullable=False) for name in sql.LOSSES),
        sa.Column(
            "latencies",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_arm_delta_route", "arm_deltas", ["model", "route_epoch"], unique=False)
    op.create_table(
        "arm_entities",
        *(sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ENTITY),
        sa.PrimaryKeyConstraint(*ENTITY),
    )


def _count(name: str, body: str) -> None:
    """A function and the trigger of its name.

    Its plans are kept while the tables grow from nothing: a scan that was the cheapest then would read all for ever.
    """
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off "
        f"AS $$ BEGIN {body} RETURN NULL; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} {TRIGGERS[name]} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")


def _counted(source: str) -> str:
    """Of answers that come or change: source has the columns' names yet to be filled in."""
    answers, truths = (source.replace("{}", columns) for columns in (sql.ANSWER, sql.TRUTH))
    return COUNT_ANSWERS.format(
        answers=sql.ANSWERS.format(source=answers, is_met="true"),
        truths=truths,
        judged=sql.TRUTHS.format(first=f"({truths}) AS truth", second="shadow_predictions AS copy", found="copy"),
    )


def _of_copies(copies: str) -> list[str]:
    truths = sql.STORED.format(sql.TRUTH)
    return [
        sql.COPIES.format(copies=copies),
        sql.DISAGREEMENTS.format(copies=copies),
        sql.TRUTHS.format(first=f"{copies} AS copy", second=f"({truths}) AS truth", found="truth"),
    ]
