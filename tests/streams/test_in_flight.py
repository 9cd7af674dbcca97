"""Room for what awaits its delivery is counted in records."""

import asyncio

import pytest

from streams.in_flight import Slots


async def taken(slots: Slots, records: int) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await slots.take(records)
    except TimeoutError:
        return False
    return True


async def test_many_small_batches_have_the_room_of_one_large_one() -> None:
    slots = Slots(10)
    assert [await taken(slots, 1) for _ in range(11)] == [True] * 10 + [False]
    slots.give_back(1)
    assert await taken(slots, 1)


async def test_a_batch_that_is_larger_than_the_room_goes_alone() -> None:
    slots = Slots(10)
    assert await taken(slots, 1)
    assert not await taken(slots, 25)
    slots.give_back(1)
    assert await taken(slots, 25)
    assert not await taken(slots, 1)


@pytest.mark.parametrize("given_back", [4, 10])
async def test_who_waits_is_let_in_as_soon_as_there_is_room(given_back: int) -> None:
    slots = Slots(10)
    await slots.take(10)
    waiting = asyncio.create_task(slots.take(4))
    await asyncio.sleep(0)
    slots.give_back(given_back)
    await asyncio.wait_for(waiting, 5)
