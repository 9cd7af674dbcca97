"""Callers in closed loops: each asks, waits for its answer, and asks again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter

import numpy as np
import orjson

from schemas.errors import Unavailable
from streams.client import WeirClient
from tests.bench.http_client import Connection
from tests.bench.load import customers
from tests.bench.place import Lane

ANSWER_S = 30.0
FIRST_ANSWER_S = 60.0
RETRY_S = 0.2

Ask = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Loops:
    """What the callers of one measurement saw; milliseconds and requests a second."""

    p50: float
    p95: float
    p99: float
    rate: float


@asynccontextmanager
async def over_kafka(lane: Lane, count: int) -> AsyncIterator[list[Ask]]:
    """Callers that share a WeirClient."""
    asked = cycle([(entity, orjson.loads(body)["features"]) for entity, body in customers()])
    api_key, key_id = lane.keys[0]

    async with WeirClient(api_key=api_key, key_id=key_id, settings=lane.settings) as client:

        async def ask() -> None:
            entity, features = next(asked)
            result = await client.predict(features, entity=entity, timeout=ANSWER_S)
            if result.status != "ok":
                raise Unavailable("scorer", f"answered {result.status}: {result.error}")

        yield [ask] * count


@asynccontextmanager
async def over_http(lane: Lane, count: int) -> AsyncIterator[list[Ask]]:
    """Callers with a kept connection each."""
    bodies = cycle([body for _, body in customers()])
    async with AsyncExitStack() as stack:

        def caller(connection: Connection) -> Ask:
            return lambda: asyncio.wait_for(connection.post(next(bodies)), ANSWER_S)

        connections = [Connection(lane.settings.port, lane.keys[1].api_key) for _ in range(count)]
        yield [caller(await stack.enter_async_context(connection)) for connection in connections]


async def until_answered(ask: Ask) -> None:
    """Return once a request is answered: everything it passes is up. Raises TimeoutError."""
    async with asyncio.timeout(FIRST_ANSWER_S):
        while True:
            try:
                await ask()
                break
            except (Unavailable, OSError, TimeoutError):
                await asyncio.sleep(RETRY_S)


async def for_seconds(asks: Sequence[Ask], seconds: float) -> Loops:
    """Every caller loops for so long."""
    end = perf_counter() + seconds
    return await _loops(asks, lambda: perf_counter() < end)


async def so_often(asks: Sequence[Ask], count: int) -> Loops:
    """The callers share `count` requests."""
    numbers = iter(range(count))
    return await _loops(asks, lambda: next(numbers, None) is not None)


async def _loops(asks: Sequence[Ask], again: Callable[[], bool]) -> Loops:
    seconds: list[float] = []

    async def loop(ask: Ask) -> None:
        while again():
            started = perf_counter()
            await ask()
            seconds.append(perf_counter() - started)

    started = perf_counter()
    await asyncio.gather(*(loop(ask) for ask in asks))
    lasted = perf_counter() - started
    p50, p95, p99 = (float(value) * 1000 for value in np.percentile(seconds, (50, 95, 99)))
    return Loops(p50, p95, p99, len(seconds) / lasted)
