"""A gateway as it runs: real HTTP, Kafka, Redis and Postgres, and an echo in the scorer's place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx
import pytest
from pydantic import SecretStr

from infra.auth import SealedKeyRing, get_key_manager
from infra.database import create_db_engine, init_db
from infra.local.stack import RunningStack
from infra.sealing import Sealer
from streams.gateway.http import listen
from streams.gateway.metrics import GatewayMetrics
from streams.gateway.serve import run
from streams.settings import Settings
from tests.streams.gateway.described import hold
from tests.streams.gateway.echo import Echo, echoing, topics_on

METRICS = GatewayMetrics()
HELD = {"response": [hold]}


class Running(NamedTuple):
    settings: Settings
    http: httpx.AsyncClient
    api_key: str
    key_id: str
    echo: Echo
    stop: asyncio.Event
    serving: asyncio.Task[None]


@pytest.fixture(scope="module")
def base(stack: RunningStack, new_database: Callable[[], str]) -> Settings:
    own = {"database_url": SecretStr(new_database()), "request_timeout_s": 5.0}
    settings = topics_on(stack, "serve-test-").model_copy(update=own)
    engine = create_db_engine(settings.database_url.get_secret_value())
    init_db(engine)
    engine.dispose()
    return settings


def free_port() -> int:
    with listen("127.0.0.1", 0) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.Event, asyncio.Task[None]]]:
    settings = settings.model_copy(update={"port": free_port()})
    stop = asyncio.Event()
    serving = asyncio.create_task(run(settings, stop, METRICS))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", timeout=20, event_hooks=HELD) as http:
        try:
            yield http, stop, serving
        finally:
            stop.set()
            await asyncio.wait_for(serving, 40)


async def until_ready(http: httpx.AsyncClient, serving: asyncio.Task[None]) -> None:
    async with asyncio.timeout(30):
        while not serving.done():
            try:
                if (await http.get("/readyz")).status_code == 200:
                    return
            except httpx.ConnectError:
                pass
            await asyncio.sleep(0.05)


@pytest.fixture
async def api_key(base: Settings) -> str:
    return await asyncio.to_thread(get_key_manager(base).create_key, "serve test")


@pytest.fixture
async def gateway(base: Settings, api_key: str) -> AsyncIterator[Running]:
    manager = await asyncio.to_thread(get_key_manager, base)
    key = await asyncio.to_thread(manager.validate_key, api_key)
    assert key is not None
    ring = SealedKeyRing(Sealer.of(base))
    ring.update(key.key_id, key.model_dump_json().encode())
    async with echoing(base, ring) as echo, running(base) as (http, stop, serving):
        await until_ready(http, serving)
        http.headers["X-API-Key"] = api_key
        yield Running(base, http, api_key, key.key_id, echo, stop, serving)
