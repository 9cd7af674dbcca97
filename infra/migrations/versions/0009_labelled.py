"""Answers whose truth came to be known: each lies in an outbox until it is on its topic."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# As in revision 0005: who stores a copy shares this lock, who tells a truth holds it alone; each sees the other's rows.
LOCK = 0x736861646F77

NEW, BOTH = "REFERENCING NEW TABLE AS new_rows", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
TRIGGERS = {
    "tell_inserted_truths": f"AFTER INSERT ON prediction_feedback {NEW}",
    "tell_updated_truths": f"AFTER UPDATE ON prediction_feedback {BOTH}",
    "tell_copies": f"AFTER INSERT ON shadow_predictions {NEW}",
}

IS_TOLD = "status = 'ok' AND actual_label IS NOT NULL AND model IS NOT NULL AND model_version IS NOT NULL"
INSERTED = f"SELECT *, NULL::smallint AS former_label FROM new_rows WHERE {IS_TOLD}"  # noqa: S608 - names of this file
UPDATED = f"""
    SELECT * FROM (
        SELECT new_rows.*, CASE WHEN former.was_status = 'ok' THEN former.was_label END AS former_label
        FROM new_rows JOIN (
            SELECT request_id, "row", status AS was_status, actual_label AS was_label FROM old_rows
        ) AS former USING (request_id, "row")
    ) AS changed WHERE {IS_TOLD} AND actual_label IS DISTINCT FROM former_label
"""  # noqa: S608

ANSWER = """
    INSERT INTO labelled_outbox (model, model_version, message)
    SELECT model, {version}, json_build_object(
        'request_id', request_id, 'row', "row", 'entity', entity, 'model', model, 'model_version', {version},
        'role', '{role}', 'probability', {probability}, 'predicted', {predicted}, 'label', actual_label,
        'former_label', former_label, 'label_source', label_source, 'labelled_at', labelled_at,
        'requested_at', requested_at, 'scored_at', scored_at
    ) FROM ({source}) AS answer
"""
SERVED = {
    "version": "model_version",
    "role": "served",
    "probability": "predicted_probability",
    "predicted": "coalesce(predicted_label::text, metadata->>'label')",
}
COPY = {"version": "version", "role": "shadow", "probability": "probability", "predicted": "label"}
TRIED = "copy.error IS NULL AND copy.predictions IS NULL AND copy.probability IS NOT NULL"
# OFFSET 0 has each looked up by its key, as in revision 0005.
COPIES_OF = f"""
    SELECT copy.*, actual_label, former_label, label_source, labelled_at FROM ({{truths}}) AS truth
    CROSS JOIN LATERAL (
        SELECT * FROM shadow_predictions AS tried
        WHERE tried.request_id = truth.request_id AND tried."row" = truth."row" OFFSET 0
    ) AS copy WHERE {TRIED}
"""  # noqa: S608
NEW_COPIES = f"""
    SELECT copy.*, actual_label, NULL::smallint AS former_label, label_source, labelled_at FROM new_rows AS copy
    CROSS JOIN LATERAL (
        SELECT actual_label, label_source, labelled_at FROM prediction_feedback AS stored
        WHERE stored.request_id = copy.request_id AND stored."row" = copy."row" AND {IS_TOLD} OFFSET 0
    ) AS truth WHERE {TRIED}
"""  # noqa: S608


def upgrade() -> None:
    """Only what comes to be known from now on is told."""
    _create_tables()
    for name, truths in (("tell_inserted_truths", INSERTED), ("tell_updated_truths", UPDATED)):
        served = ANSWER.format(source=truths, **SERVED)
        copies = ANSWER.format(source=COPIES_OF.format(truths=truths), **COPY)
        _tell(
            name,
            f"IF EXISTS (SELECT FROM new_rows WHERE {IS_TOLD}) THEN "
            f"PERFORM pg_advisory_xact_lock({LOCK}); {served}; {copies}; END IF;",
        )
    # The lock is shared by then: "share_copies" takes it before each insert.
    _tell("tell_copies", f"IF EXISTS (SELECT FROM new_rows) THEN {ANSWER.format(source=NEW_COPIES, **COPY)}; END IF;")


def downgrade() -> None:
    for name, trigger in TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {trigger.split(' ON ')[1].split()[0]}")
        op.execute(f"DROP FUNCTION {name}()")
    for table in ("labelled_relay", "labelled_numbers", "labelled_outbox"):
        op.drop_table(table)


def _create_tables() -> None:
    op.create_table(
        "labelled_outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("model_version", sa.String(length=128), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("message", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "labelled_numbers",
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("model_version", sa.String(length=128), nullable=False),
        sa.Column("series", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model", "model_version"),
    )
    op.create_table(
        "labelled_relay",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _tell(name: str, body: str) -> None:
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off "
        f"AS $$ BEGIN {body} RETURN NULL; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} {TRIGGERS[name]} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
