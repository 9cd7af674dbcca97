"""The loop of every stage: batches in order, deliveries side by side, acks in order, nothing acked after a failure."""

import asyncio

import pytest

from schemas.errors import Unavailable
from schemas.message import Batch, Emission
from streams.loops import Limits
from tests.kafka import until
from tests.streams.loop import Loop, batch, copy


async def test_a_batch_is_acked_when_all_of_it_is_delivered() -> None:
    loop = Loop(at_once=False)
    async with loop.acking():
        await loop.process(batch(0))
        assert loop.acked == []
        loop.sender.deliveries[0].set_result(None)
        await until(lambda: loop.acked == [0], "the ack")
        assert (loop.pipeline.unfinished, loop.pipeline.acked) == (0, 1)


@pytest.mark.contract("R10")
async def test_acks_stay_in_order_when_deliveries_overtake_each_other() -> None:
    loop = Loop(at_once=False)
    async with loop.acking():
        for i in range(3):
            await loop.process(batch(i))
        loop.sender.deliveries[2].set_result(None)
        loop.sender.deliveries[1].set_result(None)
        await asyncio.sleep(0)
        assert loop.acked == []
        loop.sender.deliveries[0].set_result(None)
        await until(lambda: loop.acked == [0, 1, 2], "the acks")


@pytest.mark.contract("R10")
async def test_nothing_is_acked_past_a_failed_delivery() -> None:
    loop = Loop(at_once=False)
    async with loop.acking() as acker:
        for i in range(3):
            await loop.process(batch(i))
        loop.sender.deliveries[0].set_result(None)
        loop.sender.fail(1)
        loop.sender.deliveries[2].set_result(None)
        await until(acker.done, "the acker gives up")
        assert isinstance(acker.exception(), Unavailable)
    assert loop.acked == [0]


async def test_no_more_batches_are_in_flight_than_allowed() -> None:
    loop = Loop(at_once=False, limits=Limits(in_flight=2))
    async with loop.acking():
        await loop.process(batch(0))
        await loop.process(batch(1))
        third = asyncio.create_task(loop.process(batch(2)))
        await asyncio.wait([third], timeout=0.05)
        assert not third.done()
        assert len(loop.sender.deliveries) == 2
        loop.sender.deliveries[0].set_result(None)
        assert await asyncio.wait_for(third, 5)
        loop.sender.deliveries[1].set_result(None)
        loop.sender.deliveries[2].set_result(None)
        await asyncio.wait_for(loop.pipeline.idle(), 5)


async def test_a_batch_that_is_cancelled_as_it_waits_for_a_slot_leaves_nothing_behind() -> None:
    loop = Loop(at_once=False, limits=Limits(in_flight=1))
    async with loop.acking():
        await loop.process(batch(0))
        second = asyncio.create_task(loop.process(batch(1)))
        await asyncio.wait([second], timeout=0.05)
        second.cancel()
        await asyncio.wait([second])
        assert loop.pipeline.unfinished == 1
        third = asyncio.create_task(loop.process(batch(2)))
        await asyncio.wait([third], timeout=0.05)
        assert not third.done()
        loop.sender.deliveries[0].set_result(None)
        assert await asyncio.wait_for(third, 5)
        loop.sender.deliveries[1].set_result(None)
        await asyncio.wait_for(loop.pipeline.idle(), 5)
    assert loop.acked == [0, 2]


@pytest.mark.contract("R10", "T3")
async def test_of_records_that_are_asked_singly_each_is_delivered_before_the_next_is_asked() -> None:
    """Whatever goes wrong meanwhile: the next one may depend on what the last one has written."""
    asked: list[int] = []

    async def stage(given: Batch) -> list[Emission]:
        [record] = given.records
        asked.append(record.offset)
        if asked == [0]:
            raise Unavailable("postgres", "for a moment")
        return await copy(given)

    loop = Loop(stage, at_once=False, limits=Limits(in_flight=1, backoff_s=0.001, singly=True))
    async with loop.acking():
        processing = asyncio.create_task(loop.process(batch(0, 2)))
        await until(lambda: len(loop.sender.deliveries) == 1, "the first is sent")
        assert (asked, processing.done()) == ([0, 0], False)
        loop.sender.deliveries[0].set_result(None)
        assert await asyncio.wait_for(processing, 5)
        assert (asked, loop.acked) == ([0, 0, 1], [])
        loop.sender.deliveries[1].set_result(None)
        await until(lambda: loop.acked == [1], "one ack for all")


async def test_a_batch_without_emissions_is_acked_too() -> None:
    async def nothing(given: Batch) -> list[Emission]:
        return []

    loop = Loop(nothing)
    async with loop.acking():
        await loop.process(batch(0))
        await until(lambda: loop.acked == [0], "the ack")


@pytest.mark.contract("R9")
async def test_a_crash_is_counted_against_its_record_and_raised() -> None:
    async def stage(given: Batch) -> list[Emission]:
        if any(record.offset == 3 for record in given.records):
            raise ZeroDivisionError
        return await copy(given)

    loop = Loop(stage)
    with pytest.raises(ZeroDivisionError):
        await loop.process(batch(0, 5))
    assert loop.attempts.counts == {("t", 0, 3): 1}
    assert loop.sender.sent == []
    with pytest.raises(ZeroDivisionError):
        await loop.process(batch(0, 5))
    await loop.process(batch(0, 5))
    assert [emission.topic for emission in loop.sender.sent] == ["out", "out", "out", "dead", "out"]


async def test_a_stage_that_hangs_is_a_crash() -> None:
    async def hang(given: Batch) -> list[Emission]:
        await asyncio.Event().wait()
        return []

    loop = Loop(hang, limits=Limits(batch_timeout_s=0.02))
    with pytest.raises(TimeoutError):
        await loop.process(batch(0))
