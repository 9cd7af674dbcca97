"""Sources that fail to authenticate."""

import pytest

from streams.gateway.failures import Failures
from tests.streams.gateway.fakes import Gateway


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
        statuses = [(await client.get("/metrics", headers={"X-API-Key": f"sk_live_{'A' * 43}"})) for _ in range(21)]
        passed = await client.get("/metrics", headers={"X-API-Key": valid})
    assert [response.status_code for response in statuses] == [401] * 20 + [429]
    last = statuses[-1]
    assert last.json()["error"]["code"] == "too_many_failures"
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert passed.status_code == 200
