"""A host may stop the acking and start it again: no batch is skipped by that, and none is forgotten."""

import asyncio

import pytest

from schemas.message import Batch, Emission, Record
from streams.loops import Pipeline
from tests.fakes import FakeAttempts, FakeObserver, FakeSender


async def echo(batch: Batch) -> list[Emission]:
    return [Emission("target", record.key, record.value or b"") for record in batch.records]


def batch(offset: int) -> Batch:
    return Batch("source", [Record("source", 0, offset, 0, None, b"%d" % offset, ())])


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.contract("R10")
async def test_acking_that_is_interrupted_goes_on_with_the_same_batch() -> None:
    sender, acked = FakeSender(at_once=False), list[int]()
    pipeline = Pipeline("source", echo, sender, FakeAttempts(), lambda record, count: [], FakeObserver())
    for offset in (0, 1):
        await pipeline.process(batch(offset), lambda offset=offset: acked.append(offset))
    first = asyncio.create_task(pipeline.ack_in_order())
    await turns()
    first.cancel()
    await asyncio.wait({first})
    sender.deliveries[1].set_result(None)
    second = asyncio.create_task(pipeline.ack_in_order())
    await turns()
    assert acked == []
    sender.deliveries[0].set_result(None)
    await asyncio.wait_for(pipeline.idle(), 1)
    assert acked == [0, 1]
    second.cancel()
