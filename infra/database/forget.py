"""What is stored of an entity: counted, and removed."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine, text

from infra.database.batches import found, unhurried
from infra.database.faults import reaching_postgres
from infra.database.statements import OWN_JOIN

ROWS_AT_ONCE = 2000
"""Sinks wait for a batch: so many took 0.2 s on a busy machine. A request goes whole, and may have more."""

_OF_MODEL = "(CAST(:model AS text) IS NULL OR model = :model)"
_WHOSE = f"entity = :entity AND {_OF_MODEL}"
_UNTOLD = f"labelled_outbox WHERE message->>'entity' = :entity AND {_OF_MODEL}"
_TABLES = ("outlier_events", "shadow_predictions", "prediction_feedback")
# Labels do not say whose they are.
_REQUEST_OF_EACH = " UNION ALL ".join(
    [*(f"SELECT request_id FROM {table} WHERE {_WHOSE}" for table in _TABLES),  # noqa: S608 - all names are of this file
     f"SELECT message->>'request_id' FROM {_UNTOLD}"]  # noqa: S608
)  # fmt: skip
# A request id that somebody else has used too: labels are of the request that is stored.
_LABELS = f"""
    NOT EXISTS (
        SELECT FROM prediction_feedback AS kept
        WHERE kept.request_id = label_revisions.request_id AND ({_WHOSE}) IS NOT TRUE
    )
"""
# As revision 0005 hashes them.
_MET = f"""
    SELECT met.ctid AS place, served.* FROM (
        SELECT DISTINCT model, route_epoch, arm, version FROM arm_deltas WHERE arm IS NOT NULL AND {_OF_MODEL}
    ) AS served
    JOIN arm_entities AS met ON met.route = hashtextextended(served.model, 0) AND met.route_epoch = served.route_epoch
        AND met.arm = hashtextextended(coalesce(served.version, ''), hashtextextended(served.arm, 0))
    WHERE met.entity = hashtextextended(:entity, 0)
"""  # noqa: S608

_COUNTS = {
    **{table: f"{table} WHERE {_WHOSE}" for table in _TABLES},
    "label_revisions": f"label_revisions WHERE request_id IN ({_REQUEST_OF_EACH}) AND {_LABELS}",
    "labelled_outbox": _UNTOLD,
    "arm_entities": f"({_MET}) AS met",
}
# Predictions are the last: who is interrupted finds by them what is left.
_DELETES = {
    table: text(f"DELETE FROM {table} WHERE request_id = ANY(:requests) AND {whose}")  # noqa: S608
    for table, whose in {"label_revisions": _LABELS, **dict.fromkeys(_TABLES, _WHOSE)}.items()
}
# What a sink has in hand is on its way to the topic.
_TAKE_BACK = text(
    """
    DELETE FROM labelled_outbox
    WHERE id = ANY(ARRAY(SELECT id FROM labelled_outbox WHERE id = ANY(:ids) FOR UPDATE SKIP LOCKED))
    """
)
# Who comes again is counted again, and not twice.
_UNMEET = text(
    f"""
    WITH gone AS (
        DELETE FROM arm_entities USING ({_MET}) AS known WHERE arm_entities.ctid = known.place
        RETURNING model, known.route_epoch, known.arm, version
    ),
    uncounted AS (
        INSERT INTO arm_deltas (model, route_epoch, arm, version, entities) SELECT *, -1 FROM gone
    )
    SELECT count(*) FROM gone
    """  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Whose rows. model: those of one model only."""

    entity: str
    model: str | None = None


def count_rows_of(engine: Engine, whose: Forgotten) -> dict[str, int]:
    """Rows by table. Raises Unavailable, BadSettings."""
    with unhurried(engine) as connection:
        counts = {table: f"SELECT count(*) FROM {rows}" for table, rows in _COUNTS.items()}  # noqa: S608
        return {table: connection.scalar(text(count), asdict(whose)) or 0 for table, count in counts.items()}


def forget(
    engine: Engine, whose: Forgotten, progressed: Callable[[int], object], at_once: int = ROWS_AT_ONCE
) -> dict[str, int]:
    """Remove them, a batch of requests in each transaction; the removed rows by table.

    What an arm has answered stays counted, but for the entity. Who is interrupted may begin again.
    engine: of two connections at least. progressed: is told of each batch's rows. at_once: rows.
    Raises Unavailable, BadSettings.
    """
    removed = Counter(dict.fromkeys(_COUNTS, 0))

    def told(rows: Mapping[str, int]) -> None:
        removed.update(rows)
        progressed(sum(rows.values()))

    with unhurried(engine) as reading:
        last = None
        for batch in found(reading, f"{_REQUEST_OF_EACH} ORDER BY request_id", asdict(whose), at_once):
            requests, last = {*batch} - {last}, batch[-1]
            if requests:
                told(_forget_requests(engine, whose, requests))
        for ids in found(reading, f"SELECT id FROM {_UNTOLD}", asdict(whose), at_once):  # noqa: S608 - names of this file
            told(_take_back(engine, ids))
    told(_unmeet(engine, whose))
    return dict(removed)


def _forget_requests(engine: Engine, whose: Forgotten, requests: Collection[str]) -> Mapping[str, int]:
    given: dict[str, Any] = {**asdict(whose), "requests": list(requests)}
    with reaching_postgres(), engine.begin() as writing:
        writing.execute(OWN_JOIN)
        return {table: writing.execute(delete, given).rowcount for table, delete in _DELETES.items()}


def _take_back(engine: Engine, ids: Sequence[int]) -> Mapping[str, int]:
    with reaching_postgres(), engine.begin() as writing:
        return {"labelled_outbox": writing.execute(_TAKE_BACK, {"ids": list(ids)}).rowcount}


def _unmeet(engine: Engine, whose: Forgotten) -> Mapping[str, int]:
    with reaching_postgres(), engine.begin() as writing:
        return {"arm_entities": writing.scalar(_UNMEET, asdict(whose)) or 0}
