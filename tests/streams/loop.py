"""A pipeline on fakes, with a stage that copies."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from schemas.message import Batch, Emission, Record
from streams.loops import Limits, Pipeline, Stage
from tests.fakes import FakeAttempts, FakeObserver, FakeSender


def batch(first: int, count: int = 1) -> Batch:
    return Batch("t", [Record("t", 0, i, 0, None, b"%d" % i, ()) for i in range(first, first + count)])


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
