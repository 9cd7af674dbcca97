"""A worker that is left without partitions waits for some: its rebalance is over, and its watchdog leaves it alone."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.host import Host, make_host
from streams.loops import Pipeline
from streams.settings import Settings
from tests.e2e.groups import shares
from tests.fakes import FakeAttempts, FakeObserver, FakeSender
from tests.kafka import make_topic, until
from tests.streams.loop import copy


@pytest.mark.real_broker
@pytest.mark.parametrize("host", ["faust", "bare"])
async def test_a_spare_worker_is_in_no_rebalance(
    host: str, bootstrap: str, unique: Callable[..., str], tmp_path: Path
) -> None:
    topic, group = make_topic(bootstrap, unique("source"), partitions=1), unique("group")
    settings = Settings(kafka_bootstrap_servers=bootstrap, weir_host=host, data_dir=str(tmp_path))  # type: ignore[arg-type]

    def worker() -> Host:
        pipeline = Pipeline(topic, copy, FakeSender(), FakeAttempts(), lambda *_: [], FakeObserver())
        return make_host(settings, group, [pipeline])

    async def shared() -> bool:
        return await asyncio.to_thread(shares, bootstrap, group) == [0, 1]

    def settled() -> bool:
        seen = [worker.progress() for worker in workers]
        return sorted(progress.partitions for progress in seen) == [0, 1] and not any(p.rebalancing for p in seen)

    stop, workers = asyncio.Event(), [worker(), worker()]
    running = [asyncio.create_task(worker.run(stop)) for worker in workers]
    await until(shared, "one partition for two workers")
    await until(settled, "the rebalance's end")
    stop.set()
    await asyncio.wait_for(asyncio.gather(*running), 30)
