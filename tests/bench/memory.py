"""Resident memory of the roles while a million requests go through them, most by Kafka, some by HTTP."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass

import psutil
import uvloop

from infra.local.process import free_port
from streams.topics import PREDICTION_RESULTS
from tests.bench.callers import over_http, so_often, until_answered
from tests.bench.load import Ends, Load
from tests.bench.options import Options
from tests.bench.place import Lane, Place, Started
from tests.bench.roundtrip import await_gateway
from tests.bench.sink import Stored

ROLES = ("scorer", "sink", "gateway")
HTTP_SHARE = 0.03
HTTP_CALLERS = 10
SLOWEST_PER_S = 200
START_S = 60.0


@dataclass(frozen=True)
class Sample:
    """Resident MiB of each process once so many requests are through."""

    requests: int
    resident: Mapping[str, float]


def memory(place: Place, options: Options) -> Iterator[Sample]:
    """A sample after each part of the requests, when every one of them is answered and stored."""
    lane = place.lane(PORT=str(free_port()))
    load = Load(lane)
    results = Ends(lane, lane.topic(PREDICTION_RESULTS.name))
    with ExitStack() as stack:
        roles = {role: stack.enter_context(place.role(role, lane)) for role in ROLES}
        stored = stack.enter_context(closing(Stored(lane, PREDICTION_RESULTS)))
        warm_up(lane, roles["gateway"])
        step = max(options.memory_records // options.memory_looks, HTTP_CALLERS)
        for number in range(1, options.memory_looks + 1):
            goal = results.count() + step
            send(lane, load, step)
            for role, count in (("scorer", results.count), ("sink", stored.count)):
                _settle(roles[role], count, goal, step)
            yield Sample(step * number, _resident(place, roles))


def warm_up(lane: Lane, gateway: Started) -> None:
    """Return once a request over HTTP is answered."""
    await_gateway(lane, gateway)

    async def first() -> None:
        async with over_http(lane, 1) as asks:
            await until_answered(asks[0])

    asyncio.run(first())


def send(lane: Lane, load: Load, count: int) -> None:
    """Send by both ways at once."""
    by_http = round(count * HTTP_SHARE)

    async def both() -> None:
        async with over_http(lane, HTTP_CALLERS) as asks:
            await asyncio.gather(asyncio.to_thread(load.put, count - by_http), so_often(asks, by_http))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(both())


def _settle(role: Started, count: Callable[[], int], goal: int, step: int) -> None:
    role.await_true(lambda: count() >= goal, f"{goal} records through", START_S + step / SLOWEST_PER_S)


def _resident(place: Place, roles: Mapping[str, Started]) -> dict[str, float]:
    pids = {name: started.process.pid for name, started in roles.items()}
    redis = [service.process for service in place.stack.services if service.name == "redis"]
    if redis and redis[0] is not None:
        pids["redis"] = redis[0].pid
    return {name: psutil.Process(pid).memory_info().rss / 2**20 for name, pid in pids.items()}
