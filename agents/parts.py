"""A batch in parts: what is examined and charged at once, and how the parts overlap."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace

from agents.admit import examine_all
from agents.candidate import Candidate, Refusal
from agents.charge import charge
from agents.ports import Clock, KeyRing, Limiter
from schemas.message import Batch, Record

PART_RECORDS = 500
PART_BYTES = 1024 * 1024
"""Of values: while they are read and scored the event loop waits, and no heartbeat is sent. One record may have as
many."""
TURNS_TO_SEND = 4
"""Turns of the event loop until a request just begun is on its way to Redis."""


async def admitted(
    batch: Batch, *, keys: KeyRing, limiter: Limiter, clock: Clock
) -> AsyncGenerator[list[Candidate | Refusal]]:
    """The records of the batch as admitted or refused, part by part and in order.

    While Redis charges one part, the next is examined and whoever takes them works on the one before.
    """
    charging: asyncio.Task[list[Candidate | Refusal]] | None = None
    try:
        for part in _parts(batch):
            examined = examine_all(part, keys=keys, now=clock())
            charged = None if charging is None else await charging
            charging = asyncio.create_task(charge(part, examined, limiter))
            for _ in range(TURNS_TO_SEND):
                await asyncio.sleep(0)
            if charged is not None:
                yield charged
        if charging is not None:
            yield await charging
    finally:
        if charging is not None:
            # Whoever tries the batch again must not find a charge of it under way.
            charging.cancel()
            await asyncio.gather(charging, return_exceptions=True)


def _parts(batch: Batch) -> Iterator[Batch]:
    for first in range(0, len(batch.records), PART_RECORDS):
        for records in _light(batch.records[first : first + PART_RECORDS]):
            yield replace(batch, records=records)


def _light(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    if len(records) == 1 or sum([len(record.value or b"") for record in records]) <= PART_BYTES:
        yield records
        return
    half = len(records) // 2
    yield from _light(records[:half])
    yield from _light(records[half:])
