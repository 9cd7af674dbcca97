"""A batch in parts, so that one is read while the database works on others."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from heapq import heappop, heappush
from typing import TypeVar

from schemas.message import Batch, Record

T = TypeVar("T")
MOST = 4
"""Transactions at once, each on a connection of its own."""
LEAST = 250
"""Records from which on a transaction more is worth its round trips."""


async def in_parts(batch: Batch, work: Callable[[Batch], Awaitable[list[T]]]) -> list[T]:
    """What the work makes of each part, which are begun one after the other.

    Raises what the first of them to fail raises, once the others are cancelled and over: what is done stays done.
    """
    tasks = [asyncio.ensure_future(work(part)) for part in parts(batch)]
    try:
        return [made for some in await asyncio.gather(*tasks) for made in some]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def parts(batch: Batch) -> list[Batch]:
    """Whole partitions, in parts of about as many records: no two of them move the same position."""
    sizes = Counter(record.partition for record in batch.records)
    count = min(MOST, len(sizes), len(batch.records) // LEAST)
    if count < 2:
        return [batch]
    lightest = [(0, part) for part in range(count)]
    part_of: dict[int, int] = {}
    for partition, size in sizes.most_common():
        counted, part_of[partition] = heappop(lightest)
        heappush(lightest, (counted + size, part_of[partition]))
    found: list[list[Record]] = [[] for _ in range(count)]
    for record in batch.records:
        found[part_of[record.partition]].append(record)
    return [replace(batch, records=records) for records in found]
