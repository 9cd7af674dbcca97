"""The loop while a dependency is down or too slow: it waits, asks for less, and gives up when it is told to."""

import asyncio

from schemas.errors import Unavailable
from schemas.message import Batch, Emission
from streams.loops import Limits
from tests.kafka import until
from tests.streams.loop import Loop, batch, copy


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


async def test_a_batch_that_the_host_wants_back_is_not_begun() -> None:
    loop = Loop()
    assert not await loop.process(batch(0), interrupted=lambda: True)
    await asyncio.wait_for(loop.pipeline.idle(), 5)
    assert (loop.acked, loop.sender.sent) == ([], [])


async def test_the_wait_for_a_dependency_ends_as_soon_as_the_host_wants_the_batch() -> None:
    wanted = asyncio.Event()
    loop = Loop(away, limits=Limits(backoff_s=60))
    processing = asyncio.create_task(loop.process(batch(0), interrupted=wanted.is_set))
    await until(lambda: loop.observer.waits == ["postgres"], "the wait")
    wanted.set()
    assert not await asyncio.wait_for(processing, 5)
    await asyncio.wait_for(loop.pipeline.idle(), 5)
    assert (loop.acked, loop.pipeline.waiting_for) == ([], None)


class Hanging:
    """A stage that hangs from its try `since` on, and whether it was cancelled then."""

    def __init__(self, since: int) -> None:
        self.since, self.tries, self.cancelled = since, 0, False
        self.released = asyncio.Event()

    async def __call__(self, given: Batch) -> list[Emission]:
        self.tries += 1
        if self.tries < self.since:
            raise Unavailable("postgres", "away")
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return await copy(given)


async def test_a_later_try_that_hangs_is_cancelled_as_soon_as_the_host_wants_the_batch() -> None:
    wanted, stage = asyncio.Event(), Hanging(since=2)
    loop = Loop(stage, limits=Limits(backoff_s=0.001))
    processing = asyncio.create_task(loop.process(batch(0, 4), interrupted=wanted.is_set))
    await until(lambda: stage.tries == 2, "the second try")
    wanted.set()
    assert not await asyncio.wait_for(processing, 5)
    assert stage.cancelled
    assert loop.attempts.counts == {}


async def test_the_first_try_is_finished_though_the_host_stops_meanwhile() -> None:
    wanted, stage = asyncio.Event(), Hanging(since=1)
    loop = Loop(stage)
    processing = asyncio.create_task(loop.process(batch(0), interrupted=wanted.is_set))
    await until(lambda: stage.tries == 1, "the first try")
    wanted.set()
    await asyncio.wait([processing], timeout=0.2)
    stage.released.set()
    assert await asyncio.wait_for(processing, 5)
    assert [emission.value for emission in loop.sender.sent] == [b"0"]
