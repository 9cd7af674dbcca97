"""Redis servers of a test module's own, which it may pause, flush and kill."""

import os
from collections.abc import Iterator

import pytest

from infra.local.ladder import choose_redis, look_around
from infra.local.process import stop
from infra.local.redis import start_redis
from infra.local.service import Surroundings


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
