"""Rows that are old: counted, and removed a batch at a time.

Running totals (`arm_deltas`) are sums: what was counted stays counted. Keys, positions and what is still to be told
(`labelled_outbox`) have no age.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Engine, text

from infra.database.batches import found, unhurried
from infra.database.faults import reaching_postgres
from infra.database.statements import SHARE_JOIN

ROWS_AT_ONCE = 2000
"""A label waits for a batch."""

_STORED = """
    EXISTS (
        SELECT FROM prediction_feedback AS stored
        WHERE stored.request_id = label_revisions.request_id AND stored."row" = label_revisions."row"
    )
"""
# Labels live as long as their answer: what was said last would else be said anew. Those without one wait by their own
# age. An episode goes whole, once it has ended. A retraining asks what the model's last completed one learned from.
_OLD = {
    "prediction_feedback": "scored_at < :before",
    "label_revisions": f"received_at < :before AND NOT {_STORED}",
    "shadow_predictions": "scored_at < :before",
    "outlier_events": '"timestamp" < :before',
    "drift_events": """
        event_id IN (
            SELECT event_id FROM drift_events GROUP BY event_id
            HAVING max("timestamp") < :before AND bool_or(phase = 'resolved')
        )
    """,
    "drift_windows": '"end" < :before',
    "model_performance": '"end" < :before',
    "retraining_jobs": """
        ended_at < :before AND job_id NOT IN (
            SELECT DISTINCT ON (model, trigger = 'online') job_id FROM retraining_jobs WHERE state = 'completed'
            ORDER BY model, trigger = 'online', requested_at DESC, job_id
        )
    """,
}
# What makes an episode old goes last: the rest would stay for ever where somebody ends this in between.
_ORDER = {"drift_events": "ORDER BY phase = 'resolved'"}
# Places: none is given to another row as long as the snapshot lives in which these were found.
_PICKED = "ctid = ANY(CAST(:places AS tid[]))"
# Asked again: servers before 14.20, 15.15, 16.11, 17.7 and 18.1 follow a place to the row's new version.
_DELETES = {table: text(f"DELETE FROM {table} WHERE {_PICKED} AND {old}") for table, old in _OLD.items()}  # noqa: S608 - names of this file
_DELETE_ANSWERS = text(
    f"""
    WITH gone AS (
        DELETE FROM prediction_feedback WHERE {_PICKED} AND {_OLD["prediction_feedback"]} RETURNING request_id, "row"
    ),
    unsaid AS (
        DELETE FROM label_revisions AS said USING gone
        WHERE said.request_id = gone.request_id AND said."row" = gone."row" RETURNING said.id
    )
    SELECT (SELECT count(*) FROM gone) AS answers, (SELECT count(*) FROM unsaid) AS labels
    """  # noqa: S608
)
_LABELS_OF_OLD = f"""
    SELECT count(*) FROM label_revisions JOIN prediction_feedback USING (request_id, "row")
    WHERE {_OLD["prediction_feedback"]}
"""  # noqa: S608


def count_old(engine: Engine, before: datetime) -> dict[str, int]:
    """Rows by table that `prune` would remove. Raises Unavailable, BadSettings."""
    with unhurried(engine) as connection:

        def count(query: str) -> int:
            return connection.scalar(text(query), {"before": before}) or 0

        counts = {table: count(f"SELECT count(*) FROM {table} WHERE {old}") for table, old in _OLD.items()}  # noqa: S608
        counts["label_revisions"] += count(_LABELS_OF_OLD)
        return counts


def prune(
    engine: Engine, before: datetime, progressed: Callable[[int], object], at_once: int = ROWS_AT_ONCE
) -> dict[str, int]:
    """Remove rows from before a moment, a batch in each transaction; the removed rows by table.

    An answer's age is since its scoring. It must be longer than the topics keep results: one that is read again would
    be counted again. What is changed meanwhile stays until the next time. Who is interrupted may begin again.
    engine: of two connections at least. progressed: is told of each batch's rows. Raises Unavailable, BadSettings.
    """
    removed = Counter(dict.fromkeys(_OLD, 0))
    for table, old in _OLD.items():
        # Read once, answers by the BRIN index of `scored_at`: each time that the first of them were asked for, these
        # would have to be looked for behind all that are gone by then.
        with unhurried(engine) as reading:
            query = f"SELECT CAST(ctid AS text) FROM {table} WHERE {old} {_ORDER.get(table, '')}"  # noqa: S608
            for places in found(reading, query, {"before": before}, at_once):
                rows = _delete(engine, table, before, places)
                removed.update(rows)
                progressed(sum(rows.values()))
    return dict(removed)


def _delete(engine: Engine, table: str, before: datetime, places: Sequence[str]) -> dict[str, int]:
    given = {"before": before, "places": list(places)}
    with reaching_postgres(), engine.begin() as writing:
        if table == "prediction_feedback":
            writing.execute(SHARE_JOIN)
            gone = writing.execute(_DELETE_ANSWERS, given).one()
            return {table: gone.answers, "label_revisions": gone.labels}
        return {table: writing.execute(_DELETES[table], given).rowcount}
