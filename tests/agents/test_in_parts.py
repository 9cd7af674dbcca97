"""A batch is parted by partitions, and what becomes of its parts is what would become of it as a whole."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.in_parts import LEAST, MOST, in_parts, parts
from schemas.errors import Unavailable
from schemas.message import Batch, Record

WITHIN_S = 30.0


def batch_of(sizes: Sequence[int]) -> Batch:
    """So many records of each partition, in turns."""
    places = [(offset, partition) for partition, size in enumerate(sizes) for offset in range(size)]
    return Batch("t", [Record("t", partition, offset, 0, None, b"", ()) for offset, partition in sorted(places)], 0.5)


@given(st.lists(st.integers(0, 600), min_size=1, max_size=12))
def test_each_record_is_in_one_part_with_all_of_its_partition_in_order(sizes: list[int]) -> None:
    batch = batch_of(sizes)
    found = parts(batch)
    assert sorted((r.partition, r.offset) for part in found for r in part.records) == sorted(
        (r.partition, r.offset) for r in batch.records
    )
    held = [part.last_offsets().keys() for part in found]
    assert sum(map(len, held)) == len(batch.last_offsets())
    for part in found:
        assert (part.topic, part.share) == ("t", 0.5)
        for partition in part.last_offsets():
            offsets = [r.offset for r in part.records if r.partition == partition]
            assert offsets == sorted(offsets)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([0], [0]),
        ([5000], [5000]),
        ([LEAST] * 8, [2 * LEAST] * MOST),
        ([LEAST, LEAST - 1], [2 * LEAST - 1]),
        ([LEAST, LEAST], [LEAST, LEAST]),
        ([900, 300, 300, 300], [900, 300, 300, 300]),
        ([900, 10, 10, 10], [900, 20, 10]),
    ],
)
def test_parts_are_about_as_large_and_none_is_made_for_a_few_records(sizes: list[int], expected: list[int]) -> None:
    assert sorted((len(part.records) for part in parts(batch_of(sizes))), reverse=True) == expected


async def test_parts_are_under_way_at_once_and_what_they_make_is_in_their_order() -> None:
    begun: list[int] = []
    all_of_them = asyncio.Event()

    async def work(part: Batch) -> list[int]:
        begun.append(part.records[0].partition)
        if len(begun) == MOST:
            all_of_them.set()
        await asyncio.wait_for(all_of_them.wait(), WITHIN_S)
        return sorted(part.last_offsets())

    assert await in_parts(batch_of([LEAST] * MOST), work) == [0, 1, 2, 3]
    assert begun == [0, 1, 2, 3]


async def test_a_part_that_fails_fails_the_batch_once_the_others_are_over() -> None:
    ended: list[int] = []

    async def work(part: Batch) -> list[int]:
        [partition] = part.last_offsets()
        if partition == 1:
            raise Unavailable("postgres", "is away")
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(9):  # a connection that is cut takes its time
                await asyncio.sleep(0)
            ended.append(partition)
        return []

    with pytest.raises(Unavailable, match="is away"):
        await asyncio.wait_for(in_parts(batch_of([LEAST] * 3), work), WITHIN_S)
    assert ended == [0, 2]


async def test_who_is_cancelled_leaves_no_part_at_work() -> None:
    ended: list[int] = []
    begun = asyncio.Event()

    async def work(part: Batch) -> list[int]:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.append(part.records[0].partition)
        return []

    task = asyncio.ensure_future(in_parts(batch_of([LEAST] * 2), work))
    await asyncio.wait_for(begun.wait(), WITHIN_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [0, 1]
