"""The sink's stage for shadow results: each row that two versions answered becomes one."""

from collections.abc import Iterator

from agents.persist import bury, not_stored, positions, read_all
from agents.ports import Counters, Store
from agents.result_rows import BINARY, MAX_ENTITY, probability_of
from schemas.message import Batch, Emission, Record
from schemas.shadow import Compared, ShadowResult, read_shadow
from schemas.stored import StoredShadow


async def persist_shadows(batch: Batch, *, store: Store, counters: Counters, dead_letters: str) -> list[Emission]:
    """Store a batch of challengers' answers; what cannot be read or stored becomes a dead letter."""
    results, lost = read_all(batch.records, _read)
    rows = [(record, row) for record, result in results for row in stored_shadows(result)]
    refused = await store.save_shadows([row for _, row in rows], positions(batch))
    return bury([*lost, *not_stored([record for record, _ in rows], refused)], counters, dead_letters)


def stored_shadows(result: ShadowResult) -> Iterator[StoredShadow]:
    """The rows of one shadow result."""
    error = result.challenger.error
    for row in result.rows:
        ours, theirs = row.champion, row.challenger
        yield StoredShadow(
            request_id=result.request_id,
            row=row.row,
            version=result.challenger.version,
            entity=_storable(result.entity[:MAX_ENTITY]),
            model=result.model,
            route_epoch=result.route_epoch,
            champion_version=result.champion.version,
            champion_arm=result.champion.arm,
            champion_probability=probability_of(ours.predictions),
            champion_label=_label(ours.label),
            champion_latency_ms=result.champion.latency_ms,
            probability=probability_of(theirs.predictions) if theirs else None,
            label=_label(theirs.label) if theirs else None,
            latency_ms=result.challenger.latency_ms,
            error=error.code if error else None,
            error_id=error.error_id if error else None,
            difference=row.difference,
            agrees=row.agrees,
            predictions=_predictions(row),
            requested_at=result.requested_at,
            scored_at=result.scored_at,
        )


def _read(record: Record) -> ShadowResult:
    return read_shadow(record.value)


def _label(label: int | str | None) -> str | None:
    """As text, which every class has: which of 1 and "1" it was is the model's to know."""
    return None if label is None else _storable(str(label))


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd")


def _predictions(row: Compared) -> dict[str, list[float]] | None:
    if len(row.champion.predictions) == BINARY:
        return None
    theirs = {"challenger": list(row.challenger.predictions)} if row.challenger else {}
    return {"champion": list(row.champion.predictions), **theirs}
