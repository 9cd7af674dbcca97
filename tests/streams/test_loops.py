"""The loop of every stage: batches in order, deliveries side by side, acks in order, nothing acked after a failure."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from schemas.errors import Unavailable
from schemas.message import Batch, Emission, Record
from streams.loops import Limits, Pipeline, Stage, first_failure
from tests.fakes import FakeAttempts, FakeObserver, FakeSender
from tests.kafka import until


def batch(first: int, count: int = 1) -> Batch:
    return Batch("t", [Record("t", 0, i, 0, None, b"%d" % i, ()) for i in range(first, first + count)], {0: 0})


async def copy(given: Batch) -> list[Emission]:
    return [Emission("out", None, record.value or b"") for record in given.records]


class Loop:
    """A pipeline with fakes, and what was acked."""

    def __init__(self, stage: Stage = copy, *, at_once: bool = True, limits: Limits | None = None) -> None:
        self.sender, self.attempts, self.observer = FakeSender(at_once), FakeAttempts(), FakeObserver()
        self.acked: list[int] = []
        self.pipeline = Pipeline(
            "t", stage, self.sender, self.attempts, self._give_up, self.observer, limits or Limits()
        )

    async def process(self, given: Batch, interrupted: Callable[[], bool] = lambda: False) -> bool:
        offset = given.records[-1].offset
        return await self.pipeline.process(given, lambda: self.acked.append(offset), interrupted)

    @asynccontextmanager
    async def acking(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(self.pipeline.ack_in_order())
        yield task
        task.cancel()
        await asyncio.wait([task])

    def _give_up(self, record: Record, attempts: int) -> Sequence[Emission]:
        return [Emission("dead", None, b"%d" % record.offset)]


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


async def test_an_outage_is_waited_for_and_reported() -> None:
    failures = 2

    async def stage(given: Batch) -> list[Emission]:
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable("postgres", "away")
        return await copy(given)

    loop = Loop(stage)
    assert await loop.process(batch(0))
    assert loop.observer.waits == ["postgres", "postgres"]
    assert loop.pipeline.waiting_for is None
    assert loop.attempts.counts == {}


async def test_what_is_too_slow_for_a_whole_batch_gets_through_it_in_parts() -> None:
    sizes = []

    async def stage(given: Batch) -> list[Emission]:
        sizes.append(len(given.records))
        if len(given.records) > 3:
            raise Unavailable("postgres", "has not finished in time")
        return await copy(given)

    loop = Loop(stage, limits=Limits(backoff_s=0.001))
    async with loop.acking():
        await loop.process(batch(0, 9))
        await until(lambda: loop.acked == [8], "the ack")
    assert [emission.value for emission in loop.sender.sent] == [b"%d" % i for i in range(9)]
    assert sizes == [9, 4, 2, 4, 2, 4, 2, 3]
    assert loop.attempts.counts == {}


async def away(given: Batch) -> list[Emission]:
    raise Unavailable("postgres", "away")


async def test_a_batch_is_handed_back_when_the_host_wants_it() -> None:
    loop = Loop(away)
    assert not await loop.process(batch(0), interrupted=lambda: True)
    await asyncio.wait_for(loop.pipeline.idle(), 5)
    assert loop.acked == []
    assert loop.pipeline.waiting_for is None


async def test_the_wait_for_a_dependency_ends_as_soon_as_the_host_wants_the_batch() -> None:
    wanted = asyncio.Event()
    loop = Loop(away, limits=Limits(backoff_s=60))
    processing = asyncio.create_task(loop.process(batch(0), interrupted=wanted.is_set))
    await until(lambda: loop.observer.waits == ["postgres"], "the wait")
    wanted.set()
    assert not await asyncio.wait_for(processing, 5)


async def test_the_first_failure_cancels_the_rest() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    waiting = asyncio.create_task(asyncio.Event().wait())
    with pytest.raises(ZeroDivisionError):
        await first_failure(waiting, asyncio.create_task(fail()))  # type: ignore[arg-type]
    assert waiting.cancelled()
