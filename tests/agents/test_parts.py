"""A batch in parts: charged one after the other, each while the one before is worked on."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from agents.answer import Scorer
from agents.ending import Outlets
from agents.parts import PART_RECORDS, TURNS_TO_SEND, admitted
from schemas.errors import Unavailable
from schemas.message import Batch
from schemas.quota import Charge, Decision
from tests.agents.scorer import FakeCounters, FakeKeys, FakeLimiter, batch, clock, record
from tests.models.routing.plans import champions

BODY: dict[str, Any] = {"entity": "c-42", "features": {}}


class SlowLimiter(FakeLimiter):
    """Answers when it is let; remembers how many it was asked at once, and what became of each question."""

    def __init__(self, fails_from: int = 9) -> None:
        super().__init__()
        self.let = asyncio.Event()
        self.let.set()
        self.asking = 0
        self.most_at_once = 0
        self.said: list[str] = []
        self._fails_from = fails_from

    async def charge(self, topic: str, charges: Sequence[Charge], share: float) -> Sequence[Decision]:
        self.asking += 1
        self.most_at_once = max(self.most_at_once, self.asking)
        self.said.append("asked")
        try:
            for _ in range(2 * TURNS_TO_SEND):  # as an answer that is still on its way
                await asyncio.sleep(0)
            await self.let.wait()
            if self.calls + 1 >= self._fails_from:
                raise Unavailable("redis", "went away")
            decisions = await super().charge(topic, charges, share)
            self.said.append("answered")
            return decisions
        except asyncio.CancelledError:
            self.said.append("cancelled")
            raise
        finally:
            self.asking -= 1


def parts(count: int) -> Batch:
    """So many, the last of a single record."""
    records = range((count - 1) * PART_RECORDS + 1)
    return batch(*(record(BODY, offset=i, request_id=b"r-%d" % i) for i in records))


async def test_no_two_parts_are_charged_at_once_and_each_is_handed_out_while_the_next_is_charged() -> None:
    limiter = SlowLimiter()
    async with aclosing(admitted(parts(3), keys=FakeKeys(), limiter=limiter, clock=clock)) as handed:
        first = await anext(handed)
        assert limiter.said == ["asked", "answered", "asked"]
        second = await anext(handed)
        third = await anext(handed)
    assert [len(part) for part in (first, second, third)] == [PART_RECORDS, PART_RECORDS, 1]
    assert limiter.said == ["asked", "answered"] * 3
    assert limiter.most_at_once == 1


async def test_no_charge_goes_on_beside_whoever_tries_a_cancelled_batch_again() -> None:
    limiter = SlowLimiter()
    limiter.let.clear()
    for _ in range(2):
        work = asyncio.ensure_future(_all(limiter, 1))
        for _ in range(20):
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert limiter.asking == 0
    assert limiter.said == ["asked", "cancelled"] * 2


async def test_the_charge_of_a_batch_that_is_given_up_ends_with_it_unheard(caplog: pytest.LogCaptureFixture) -> None:
    limiter = SlowLimiter()
    handed = admitted(parts(2), keys=FakeKeys(), limiter=limiter, clock=clock)
    await anext(handed)
    with pytest.raises(ZeroDivisionError):
        await handed.athrow(ZeroDivisionError)
    del handed
    assert limiter.said == ["asked", "answered", "asked", "cancelled"]
    assert limiter.asking == 0
    assert not caplog.records


async def test_a_part_that_cannot_be_charged_ends_the_batch() -> None:
    with pytest.raises(Unavailable):
        await _all(SlowLimiter(fails_from=2), 2)


async def test_a_batch_of_which_a_part_fails_is_not_counted() -> None:
    counters = FakeCounters()
    outlets = Outlets("results", "replies", "dead-letters", 1, "mirrored")
    stage = Scorer(FakeKeys(), SlowLimiter(fails_from=2), champions({}), clock, counters, outlets)
    with pytest.raises(Unavailable):
        await stage(parts(2))
    assert counters.ended == []


async def _all(limiter: SlowLimiter, count: int) -> None:
    async for _ in admitted(parts(count), keys=FakeKeys(), limiter=limiter, clock=clock):
        pass
