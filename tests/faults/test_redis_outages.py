"""Redis forgets the script, loses its data, is slow, is killed: each has its outcome, and no caller is unknown (B6)."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from infra.local.ladder import choose_redis, look_around
from infra.local.process import free_port
from infra.local.redis import wheel_program
from infra.local.stack import RunningStack
from streams.observe import metrics_text
from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.faults.callers import BURST, Callers, HttpCaller, check_answers, repeated
from tests.infra.outages import Server
from tests.infra.slow_link import SlowLink, slow_link_beside

pytestmark = pytest.mark.real_broker

SLOW_S = 0.2
"""Until an answer is there: half of it on each way."""


@pytest.fixture(params=["server", pytest.param("wheel", marks=pytest.mark.long)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    found = look_around(os.environ)
    if request.param == "server" and choose_redis(found) != "server":
        pytest.skip("needs redis-server 7 or newer on PATH")
    newer = found.redis_server.path if found.redis_server else ""
    server = Server(free_port(), tmp_path, program=newer if request.param == "server" else wheel_program())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def link(server: Server) -> Iterator[SlowLink]:
    with slow_link_beside(server.port) as link:
        yield link


@pytest.fixture
def platform(
    stack: RunningStack, link: SlowLink, database_url: str, models: Path, tmp_path: Path
) -> Iterator[Platform]:
    given = {**stack.environment, "REDIS_URL": f"redis://127.0.0.1:{link.port}/0"}
    with platform_on(given, database_url, models, tmp_path) as platform:
        yield platform


def says_degraded(platform: Platform) -> bool:
    folder = platform.environment["PROMETHEUS_MULTIPROC_DIR"]
    [line] = [line for line in metrics_text(folder).decode().splitlines() if line.startswith("rate_limiter_degraded ")]
    return float(line.split()[1]) == 1


@pytest.mark.timeout(180)
@pytest.mark.contract("B5", "B6", "R6", "K4")
def test_each_outage_of_redis_ends_as_documented_and_nobody_is_unauthorized(
    platform: Platform, server: Server, link: SlowLink, customers: Customers
) -> None:
    workers = platform.up("scorer", "sink", "gateway")
    callers, caller = Callers(platform, customers), HttpCaller(platform, customers)

    def told(remaining: int) -> None:
        wait_for(lambda: caller.remaining(callers.poor) == remaining, f"{remaining} left, as the gateway tells it")

    with repeated(callers.ask), repeated(caller.ask), Redis(port=server.port) as redis:
        callers.spend(by_redis=True)
        told(0)

        redis.script_flush()
        assert callers.decided(by_redis=True) == "rate_limited"  # the script is loaded again, the bucket stands
        told(0)

        redis.flushall()
        told(BURST)
        assert callers.decided(by_redis=True) == "ok"  # buckets are full again
        callers.spend(by_redis=True)
        told(0)

        another = callers.another()
        link.delay_s = SLOW_S / 2
        # By a bucket of the scorer's own; a busy machine may have made it spend from the poor key's before.
        assert callers.decided(another, by_redis=False) == "ok"
        assert says_degraded(platform)
        callers.spend(by_redis=False)
        told(BURST)  # the gateway has no bucket of its own that anyone spends from
        link.delay_s = 0
        assert callers.decided(by_redis=True) == "rate_limited"  # Redis' bucket is as it was
        assert not says_degraded(platform)
        told(0)

        server.kill()
        assert callers.decided(by_redis=False) == "rate_limited"  # another outage fills no bucket anew
        told(BURST)
        server.start()
        assert callers.decided(by_redis=True) == "ok"  # it came back with nothing
        callers.spend(by_redis=True)
        told(0)
    assert all(worker.running for worker in workers)
    check_answers(caller.answers)

    platform.upstream.flush()
    platform.settle("scorer")
    events = [event.body for event in platform.tap("prediction-results").to_end()]
    ends = Counter(event["request_id"] for event in events)
    assert {ends[request_id] for request_id in callers.asked} == {1}
    assert {event["status"] for event in events if event["request_id"] in set(callers.asked)} == {"ok"}
    assert not [event for event in events if event["status"] not in ("ok", "rate_limited", "expired")]
    local = [event for event in events if event["degraded"] and event["key_id"] == callers.poor.key_id]
    assert Counter(event["status"] for event in local)["ok"] == BURST
