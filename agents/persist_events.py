"""The sink's stage for what the monitor tells: drifts, windows and outliers become rows as they are."""

from collections.abc import Callable

from agents.persist import bury, not_stored, positions, read_all
from agents.ports import Counters, Store
from agents.storable import storable
from schemas.message import Batch, Emission, Record
from schemas.stored import StoredEvent

Read = Callable[[bytes | None], StoredEvent]
"""The event in a record's value. Raises Undecodable."""


async def persist_events(
    batch: Batch, *, read: Read, store: Store, counters: Counters, dead_letters: str
) -> list[Emission]:
    """Store a batch of the monitor's events; what cannot be read or stored becomes a dead letter."""

    def event(record: Record) -> StoredEvent:
        return read(storable(record.value or b""))

    events, lost = read_all(batch.records, event)
    refused = await store.save_events([event for _, event in events], positions(batch))
    return bury([*lost, *not_stored([record for record, _ in events], refused)], counters, dead_letters)
