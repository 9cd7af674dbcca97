"""Sources that fail to authenticate."""

import httpx
import pytest

from streams.gateway.failures import Failures
from streams.settings import Settings
from tests.streams.gateway.conftest import running, until_ready
from tests.streams.gateway.fakes import Gateway

WRONG = {"X-API-Key": f"sk_live_{'A' * 43}"}


async def statuses_of(client: httpx.AsyncClient, times: int) -> list[int]:
    """What so many requests with a key that is not valid are answered."""
    return [(await client.get("/metrics", headers=WRONG)).status_code for _ in range(times)]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_source_is_put_off_until_its_window_ends_and_no_other() -> None:
    clock = Clock()
    failures = Failures(most=3, window_s=60, now=clock)
    assert [failures.add("a") for _ in range(3)] == [0, 0, 0]
    clock.now += 20
    assert failures.add("a") == 40
    assert failures.add("b") == 0
    clock.now += 39.9
    assert failures.add("a") == 1
    clock.now += 0.1
    assert failures.add("a") == 0


def test_memory_is_bounded_and_who_failed_longest_ago_makes_room() -> None:
    failures = Failures(most=1, window_s=60, sources=2, now=Clock())
    for source in ("a", "b", "c"):
        failures.add(source)
    assert failures.add("c") > 0
    assert failures.add("a") == 0


@pytest.mark.contract("K8")
async def test_who_guesses_keys_is_put_off_and_a_valid_key_from_there_is_not() -> None:
    gateway = Gateway()
    valid = gateway.keys.new("predict", "monitor")
    app = gateway.app()
    async with gateway.client_of(app) as client:
        statuses = await statuses_of(client, 20)
        last = await client.get("/metrics", headers=WRONG)
        passed = await client.get("/metrics", headers={"X-API-Key": valid})
    assert (statuses, last.status_code) == ([401] * 20, 429)
    assert last.json()["error"]["code"] == "too_many_failures"
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert passed.status_code == 200


@pytest.mark.contract("K8")
async def test_each_address_has_failures_of_its_own() -> None:
    gateway = Gateway(settings=Settings(auth_failures_per_minute=3))
    app = gateway.app()
    async with gateway.client_of(app, address="10.0.0.1") as one, gateway.client_of(app, address="10.0.0.2") as two:
        assert await statuses_of(one, 4) == [401, 401, 401, 429]
        assert await statuses_of(two, 4) == [401, 401, 401, 429]


@pytest.mark.contract("K8")
async def test_a_real_gateway_puts_an_address_off_after_as_many_failures_as_are_set(
    base: Settings, api_key: str
) -> None:
    settings = base.model_copy(update={"auth_failures_per_minute": 3})
    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with running(settings) as (here, _, serving):
        await until_ready(here, serving)
        async with httpx.AsyncClient(base_url=here.base_url, transport=elsewhere) as there:
            assert await statuses_of(here, 4) == [401, 401, 401, 429]
            assert await statuses_of(there, 1) == [401]
            passed = await here.get("/nowhere", headers={"X-API-Key": api_key})
            last = await here.get("/metrics", headers={**WRONG, "X-Forwarded-For": "10.0.0.9"})
    assert passed.status_code == 404
    assert last.status_code == 429
    assert 1 <= int(last.headers["Retry-After"]) <= 60
