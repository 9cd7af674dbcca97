"""Token buckets as callers meet them (B1), and what a kill between charge and commit does to them (B7)."""

import json
import re
import time
from collections import Counter

import httpx
import pytest
import redis

from streams.client import Ask, WeirClient
from tests.e2e.cases import NO_NUMBER, Customers
from tests.e2e.platform import Platform
from tests.e2e.upstream import Key

pytestmark = pytest.mark.real_broker

ROUNDS = 5


def seconds_told(answer: httpx.Response) -> int:
    """What the IETF's header says until the bucket is full, or a denied request would pass."""
    found = re.fullmatch(r'"hourly";r=\d+;t=(\d+)', answer.headers["RateLimit"])
    assert found is not None
    return int(found[1])


@pytest.mark.contract("B1")
def test_a_hundred_at_once_pass_the_next_waits_and_who_waits_as_told_succeeds(
    platform: Platform, customers: Customers
) -> None:
    made = json.loads(platform.cli("keys", "create", "--json", "--name", "defaults").stdout)
    platform.secrets.append(made["key"])
    key = Key(made["key"], made["id"])
    asked = [platform.upstream.ask(key, customers(0), entity=f"c-{number}") for number in range(101)]
    platform.upstream.flush()
    statuses = Counter(platform.result(request_id)["status"] for request_id in asked)
    begun = int(time.time())
    denied = platform.http.post("/predict", json=customers(0), headers={"X-API-Key": key.api_key})
    ended = int(time.time())
    assert statuses == {"ok": 100, "rate_limited": 1}
    assert denied.status_code == 429
    assert (denied.headers["X-RateLimit-Limit"], denied.headers["X-RateLimit-Remaining"]) == ("1000", "0")
    wait_s, reset = int(denied.headers["Retry-After"]), int(denied.headers["X-RateLimit-Reset"])
    assert begun <= reset - wait_s <= ended
    assert begun <= reset - seconds_told(denied) <= ended
    assert 1 <= wait_s <= 5  # 3.6 s, from the second that runs to the end of another
    time.sleep(wait_s)  # what a well-behaved caller does
    again = platform.http.post("/predict", json=customers(0), headers={"X-API-Key": key.api_key})
    assert again.status_code == 200


def killed_before_commit(platform: Platform, keys: list[Key], customers: Customers) -> list[str]:
    """The ids of requests that were answered by a scorer which died before it committed them.

    It commits once a second: a kill right after the answers nearly always comes before that.
    """
    for _ in range(ROUNDS):
        platform.settle("scorer")
        asked = [platform.upstream.ask(key, customers(0), entity="c-7") for key in keys for _ in range(5)]
        platform.upstream.flush()
        for request_id in asked:
            platform.result(request_id)
        [scorer] = [worker for worker in platform.workers if worker.role == "scorer" and worker.running]
        scorer.kill()
        if platform.uncommitted("scorer") == len(asked):
            return asked
        platform.up("scorer")
    raise AssertionError(f"the scorer committed before the kill {ROUNDS} times over")


@pytest.mark.contract("B7", "R10")
def test_what_was_charged_before_a_kill_is_not_charged_again_and_keeps_its_decision(
    platform: Platform, customers: Customers, redis_url: str
) -> None:
    rich = platform.create_key(rate_limit=1, burst=100)
    poor = platform.create_key(rate_limit=1, burst=2)
    buckets = f"{platform.settings.bucket_prefix}:bucket"
    with redis.Redis.from_url(redis_url) as client:
        asked = killed_before_commit(platform, [rich, poor], customers)
        before = client.get(f"{buckets}:{rich.key_id}")
        first = {request_id: platform.result(request_id)["status"] for request_id in asked}
        client.delete(f"{buckets}:{poor.key_id}")  # as good as new: yet a denied record stays denied
        platform.up("scorer")
        platform.settle("scorer")
        platform.tap("prediction-results").to_end()
        assert client.get(f"{buckets}:{rich.key_id}") == before
        assert client.get(f"{buckets}:{poor.key_id}") is None
    events = {request_id: [event["status"] for event in platform.results(request_id)] for request_id in asked}
    assert events == {request_id: [status] * 2 for request_id, status in first.items()}
    assert Counter(first[request_id] for request_id in asked[5:]) == {"ok": 2, "rate_limited": 3}


@pytest.mark.contract("B5")
def test_what_charges_and_what_only_asks_tell_the_same_bucket(platform: Platform, customers: Customers) -> None:
    key = platform.create_key(rate_limit=3600, burst=50)
    http, shown = platform.http, {"X-API-Key": key.api_key}
    charged = http.post("/predict", json={"rows": [customers(0)] * 40}, headers=shown)
    asked = http.post("/predict", content=b"{", headers=shown)
    assert (charged.status_code, asked.status_code) == (200, 400)
    left, later = (int(response.headers["X-RateLimit-Remaining"]) for response in (charged, asked))
    assert left == 10
    assert left <= later <= left + 20  # one comes back each second
    assert asked.headers["RateLimit-Policy"] == '"hourly";q=3600;w=3600'
    assert 20 <= seconds_told(asked) <= 41
    assert "X-RateLimit-Limit" not in http.get("/healthz", headers=shown).headers


@pytest.mark.contract("B5")
def test_a_5xx_tells_the_bucket_too(platform: Platform, customers: Customers) -> None:
    key = platform.create_key(rate_limit=1, burst=10)
    headers = {"X-API-Key": key.api_key}
    failed = platform.http.post("/predict", json={**customers(0), **NO_NUMBER}, headers=headers)
    late = platform.http.post("/predict", json=customers(0), headers={**headers, "X-Timeout-Ms": "1"})
    assert failed.status_code == 500
    assert failed.headers["X-RateLimit-Remaining"] == "9"
    assert late.status_code in (503, 504)  # not even confirmed by the broker, or not answered
    assert late.headers["X-RateLimit-Remaining"] in ("9", "8")
    assert {answer.headers["X-RateLimit-Limit"] for answer in (failed, late)} == {"1"}
    assert seconds_told(failed) > 0


@pytest.mark.contract("B5")
def test_the_results_of_a_key_tell_its_bucket(platform: Platform, customers: Customers) -> None:
    key = platform.create_key(rate_limit=1, burst=1)
    begun = int(time.time())
    asked = [platform.upstream.ask(key, customers(0)) for _ in range(2)]
    platform.upstream.flush()
    ended = [platform.result(request_id)["status"] for request_id in asked]
    headers = [dict(event.headers) for event in platform.tap("prediction-results").events]
    passed, denied = (
        json.loads(one["ratelimit"])
        for request_id in asked
        for one in headers
        if one.get("request-id") == request_id.encode()
    )
    assert ended == ["ok", "rate_limited"]
    assert {one["limit"] for one in (passed, denied)} == {1}
    assert {one["remaining"] for one in (passed, denied)} == {0}
    assert passed["retry_after"] == 0
    assert 3590 < denied["retry_after"] <= 3601  # from the second that runs to the end of another
    assert begun <= denied["reset"] - denied["retry_after"] <= int(time.time())


@pytest.mark.contract("B5")
async def test_a_client_told_to_wait_has_every_request_answered_and_is_charged_for_each_once(
    platform: Platform, customers: Customers
) -> None:
    key = platform.create_key(rate_limit=3600, burst=2)
    asks = [Ask(customers(0), f"c-{number}") for number in range(5)]
    async with WeirClient(api_key=key.api_key, key_id=key.key_id, settings=platform.settings) as client:
        refused = await client.predict_many(asks[:3], timeout=30)
        answered = await client.predict_many(asks, timeout=30, on_limit="wait")
    assert Counter(result and result.status for result in refused) == {"ok": 2, "rate_limited": 1}
    assert [result and result.status for result in answered] == ["ok"] * 5
    platform.tap("prediction-results").to_end()
    ends = [[event["status"] for event in platform.results(result.request_id)] for result in answered if result]
    assert [statuses.count("ok") for statuses in ends] == [1] * 5
    assert any("rate_limited" in statuses for statuses in ends)
