"""The bare host ends when something fails in the middle of a rebalance, whatever its consumer waits for then."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator

from schemas.errors import Unavailable
from schemas.message import Batch, Emission, Record
from streams import tasks
from streams.bare_host import BareHost
from streams.loops import Pipeline
from streams.settings import Settings
from tests.fakes import FakeAttempts, FakeObserver, FakeSender
from tests.kafka import until

TP = TopicPartition("source", 0)


class Coordinated:
    """aiokafka's consumer as its source has it: the coordination awaits the listener, and stop awaits the coordination.

    It gives one record a poll, and revokes its partition once the test says so.
    """

    _subscription = type("Unsubscribed", (), {"subscription": None})()

    def __init__(self) -> None:
        self.polls = 0
        self.commits: list[dict[TopicPartition, int]] = []
        self.revoking = asyncio.Event()
        self.revoked: Any = None
        self.stopped = False
        self.coordination = asyncio.create_task(self._coordinate())

    async def start(self) -> None: ...

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.listener = listener

    def assignment(self) -> set[TopicPartition]:
        return {TP}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Record]]:
        if self.revoking.is_set() or self.polls == 3:
            await asyncio.sleep(0.01)
            return {}
        offset, self.polls = self.polls, self.polls + 1
        return {TP: [Record("source", 0, offset, 0, None, b"%d" % offset, ())]}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.commits.append(offsets)

    async def stop(self) -> None:
        self.revoking.set()
        await self.coordination
        self.stopped = True

    async def _coordinate(self) -> None:
        await self.revoking.wait()
        try:
            await self.listener.on_partitions_revoked({TP})
        except Exception as error:
            self.revoked = error


class Bare:
    """A bare host on fakes, whose stage holds the third record until the test lets it go."""

    def __init__(self) -> None:
        self.sender, self.let_go, self.bug = FakeSender(at_once=False), asyncio.Event(), False
        pipeline = Pipeline("source", self._stage, self.sender, FakeAttempts(), lambda *_: [], FakeObserver())
        self.host, self.consumer = BareHost(Settings(), "group", [pipeline]), Coordinated()
        self.host._make_consumer = lambda: self.consumer  # type: ignore[method-assign]
        self.running = asyncio.create_task(self.host.run(asyncio.Event()))

    async def _stage(self, batch: Batch) -> list[Emission]:
        if batch.records[0].offset == 2:
            await self.let_go.wait()
            if self.bug:
                raise ZeroDivisionError("a bug")
        return [Emission("target", None, b"x")]

    async def until_revoked(self) -> None:
        """Two deliveries under way, a third batch in the stage, and a rebalance that waits for them."""
        await until(lambda: len(self.sender.deliveries) == 2, "two deliveries")
        self.consumer.revoking.set()
        await until(lambda: self.host.progress().rebalancing, "the rebalance")

    async def ended(self) -> BaseException | None:
        done, _ = await asyncio.wait([self.running], timeout=3)
        assert done, "the host hangs"
        return None if self.running.cancelled() else self.running.exception()


@pytest.fixture
async def bare() -> AsyncIterator[Bare]:
    bare = Bare()
    yield bare
    for task in (bare.running, bare.consumer.coordination):
        task.cancel()
    await asyncio.wait([bare.running, bare.consumer.coordination])


@pytest.mark.contract("R10")
async def test_a_delivery_that_fails_while_partitions_are_revoked_ends_the_host(bare: Bare) -> None:
    await bare.until_revoked()
    bare.sender.deliveries[0].set_result(None)
    bare.sender.fail(1)
    assert isinstance(await bare.ended(), Unavailable)
    assert bare.consumer.stopped
    assert bare.consumer.commits == [{TP: 1}]
    assert "stays unacked" in str(bare.consumer.revoked)


@pytest.mark.contract("R10")
async def test_a_crash_with_deliveries_in_flight_while_partitions_are_revoked_ends_the_host(bare: Bare) -> None:
    bare.bug = True
    await bare.until_revoked()
    bare.let_go.set()
    assert isinstance(await bare.ended(), ZeroDivisionError)
    assert bare.consumer.stopped
    assert bare.consumer.commits == []


async def test_a_host_that_is_cancelled_while_partitions_are_revoked_ends(bare: Bare) -> None:
    """As its worker does when a view or the producer dies."""
    await bare.until_revoked()
    bare.running.cancel()
    assert await bare.ended() is None
    assert (bare.consumer.stopped, bare.consumer.commits) == (True, [])


async def test_a_consumer_that_does_not_stop_is_left_behind(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "LEAVE_S", 0.05)
    monkeypatch.setattr(bare.host, "settle", asyncio.Event().wait)
    await bare.until_revoked()
    bare.sender.fail(0)
    assert isinstance(await bare.ended(), Unavailable)
    assert bare.consumer.coordination.cancelled()


@pytest.mark.contract("R10")
async def test_a_rebalance_waits_for_what_is_in_flight_and_commits_it(bare: Bare) -> None:
    await bare.until_revoked()
    bare.let_go.set()
    await until(lambda: len(bare.sender.deliveries) == 3, "the third delivery")
    assert not bare.consumer.coordination.done()
    for delivery in bare.sender.deliveries:
        delivery.set_result(None)
    await asyncio.wait_for(bare.consumer.coordination, 3)
    assert (bare.consumer.revoked, bare.consumer.commits) == (None, [{TP: 3}])


def test_aiokafka_still_stops_and_revokes_as_the_fake_does() -> None:
    assert "await self._coordination_task" in inspect.getsource(GroupCoordinator.close)
    revoking = inspect.getsource(GroupCoordinator._on_join_prepare)
    assert revoking.index("listener.on_partitions_revoked(revoked)") < revoking.index("await res")
    assert "except Exception:" in revoking
