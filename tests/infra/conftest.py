"""Redis servers of a test module's own, a key manager over a store in memory, and a topic with a client's options."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from infra.auth import KeyManager
from infra.kafka import client_options
from infra.local.ladder import choose_redis, look_around
from infra.local.process import free_port, stop
from infra.local.redis import start_redis
from infra.local.service import Surroundings
from infra.rate_limit import connect
from streams.settings import Settings
from tests.infra.key_topics import Topics
from tests.infra.keys import SEALER, Clock, DictStore
from tests.infra.outages import Server
from tests.kafka import make_topic


@pytest.fixture(scope="module", params=["server", "wheel"])
def own_redis_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    found = look_around(os.environ)
    if request.param == "server" and choose_redis(found) != "server":
        pytest.skip("needs redis-server 7 or newer on PATH")
    place = Surroundings(tmp_path_factory.mktemp("redis"), os.environ, leash=True)
    service = start_redis(place, request.param, found, home="redis", keep=False)
    yield service.url
    assert service.process is not None
    stop(service.process)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(free_port(), tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def own_redis(server: Server) -> AsyncIterator[Redis]:
    client = connect(f"redis://127.0.0.1:{server.port}/0")
    yield client
    await client.aclose()


@pytest.fixture
def store() -> DictStore:
    return DictStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manager(store: DictStore, clock: Clock) -> KeyManager:
    return KeyManager(store, SEALER, clock, default_rate_limit=1000, default_burst=100)


@pytest.fixture
def options(bootstrap: str) -> dict[str, Any]:
    return client_options(Settings(kafka_bootstrap_servers=bootstrap))


@pytest.fixture
def topic(bootstrap: str, unique: Callable[..., str]) -> str:
    return make_topic(bootstrap, unique("compacted"), 3)


@pytest.fixture
def topics(bootstrap: str, unique: Callable[..., str]) -> Topics:
    """The topics of a key store of this test's own."""
    topics = Topics(bootstrap, unique("keys"))
    make_topic(bootstrap, topics.audit, 1)
    return topics
