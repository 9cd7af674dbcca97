"""Round trips: request, scorer, reply, with callers over Kafka and over HTTP."""

import asyncio
from collections.abc import Iterator

import httpx
import uvloop

from infra.local.process import free_port
from tests.bench.callers import Loops, for_seconds, over_http, over_kafka, until_answered
from tests.bench.options import Options
from tests.bench.place import Lane, Place, Started

START_S = 60.0
WAYS = {"kafka": over_kafka, "http": over_http}


def roundtrips(place: Place, options: Options) -> Iterator[tuple[str, int, Loops]]:
    """(way, callers, what they saw), every level as often as there are repeats, against one scorer and one gateway."""
    lane = place.lane(PORT=str(free_port()))
    levels = [("kafka", count) for count in options.callers] + [("http", count) for count in options.http_callers]
    with place.role("scorer", lane) as scorer, place.role("gateway", lane) as gateway:
        await_gateway(lane, gateway)
        for _ in range(options.repeats):
            for way, count in levels:
                scorer.check()
                gateway.check()
                yield way, count, run_loop(lane, way, count, options.seconds)


def await_gateway(lane: Lane, gateway: Started) -> None:
    """Return once it answers that it is ready."""
    url = f"http://127.0.0.1:{lane.settings.port}/readyz"

    def ready() -> bool:
        try:
            return httpx.get(url, timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    gateway.await_true(ready, "the gateway is ready", START_S)


def run_loop(lane: Lane, way: str, count: int, seconds: float) -> Loops:
    """One measurement, after a request that is not measured."""

    async def measure() -> Loops:
        async with WAYS[way](lane, count) as asks:
            await until_answered(asks[0])
            return await for_seconds(asks, seconds)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure())
