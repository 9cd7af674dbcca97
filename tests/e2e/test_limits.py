"""Limits as callers meet them with two scorers at work, with more rows than a bucket holds, and in a dry run."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import redis

from infra.local.stack import RunningStack
from streams.client import WeirClient
from streams.observe import metrics_text
from tests.e2e.cases import Customers
from tests.e2e.platform import Platform
from tests.e2e.running import platform_on
from tests.e2e.upstream import Key

pytestmark = pytest.mark.real_broker

LIMIT, ROUNDS = 300, 3


def race(platform: Platform, key: Key, customers: Customers) -> list[Any]:
    """The results of twice as many requests as the key has tokens, of so many entities that each partition has some."""
    asked = [platform.upstream.ask(key, customers(0), entity=f"c-{number}") for number in range(2 * LIMIT)]
    platform.upstream.flush()
    return [platform.result(request_id) for request_id in asked]


@pytest.mark.timeout(240)
@pytest.mark.contract("B3")
def test_two_scorers_racing_on_one_bucket_admit_exactly_what_one_would(
    platform: Platform, customers: Customers
) -> None:
    keys = [platform.create_key(rate_limit=1, burst=LIMIT) for _ in range(ROUNDS)]
    [second] = platform.up("scorer")
    try:
        for key in keys:
            results = race(platform, key, customers)
            if not any(result["degraded"] for result in results):  # a busy machine may take Redis for slow
                break
    finally:
        second.stop()
        platform.wait_members("scorer", 1)
    assert Counter(result["status"] for result in results) == {"ok": LIMIT, "rate_limited": LIMIT}
    results = platform.tap("prediction-results")  # as many partitions, by the same keys
    assert {event.partition for event in results.to_end()} == results.ends().keys()


@pytest.mark.contract("B1", "R6")
def test_more_rows_than_the_bucket_holds_are_refused_for_good_wherever_they_come_from(
    platform: Platform, customers: Customers, redis_url: str
) -> None:
    key = platform.create_key(rate_limit=1000, burst=3)
    rows = [customers(number) for number in range(4)]
    request_id = platform.upstream.ask(key, rows)
    answer = platform.http.post("/predict", json={"rows": rows}, headers={"X-API-Key": key.api_key})

    async def by_client() -> Any:
        settings = platform.settings
        async with WeirClient(api_key=key.api_key, key_id=key.key_id, settings=settings) as client:
            return await client.predict(rows, on_limit="wait", timeout=30)

    by_client_result = asyncio.run(by_client())
    result = platform.result(request_id)
    assert (result["status"], result["error"]["code"]) == ("invalid", "too_many_rows")
    assert result["error"]["fields"] == [
        {"field": "rows", "reason": "must be at most 3 for this key", "got": "array of 4"}
    ]
    told = {name: answer.json()["error"][name] for name in ("code", "message", "fields")}
    assert (answer.status_code, told) == (413, result["error"])
    assert "Retry-After" not in answer.headers
    assert by_client_result.error.model_dump(exclude_none=True, mode="json") == result["error"]
    letters = [event.body for event in platform.tap("dead-letters").to_end()]
    assert "too_many_rows" in [one["reason"] for one in letters if one["headers"].get("request-id") == request_id]
    with redis.Redis.from_url(redis_url) as client:
        assert client.get(f"{platform.settings.bucket_prefix}:bucket:{key.key_id}") is None
    fitting = platform.http.post("/predict", json={"rows": rows[:3]}, headers={"X-API-Key": key.api_key})
    assert (fitting.status_code, fitting.headers["X-RateLimit-Remaining"]) == (200, "0")


@pytest.mark.contract("B6", "K8")
def test_unknown_keys_never_make_a_bucket(platform: Platform, customers: Customers, redis_url: str) -> None:
    stranger = Key("sk_live_" + "Q" * 43, "QQQQQQQQQQQ")
    asked = [platform.upstream.ask(stranger, customers(0)) for _ in range(3)]
    platform.upstream.flush()
    assert {platform.result(request_id)["status"] for request_id in asked} == {"unauthorized"}
    assert platform.http.post("/predict", json={}, headers={"X-API-Key": stranger.api_key}).status_code == 401
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter(f"*{stranger.key_id}*")) == []


@pytest.mark.contract("B1")
def test_a_dry_run_answers_everybody_and_counts_who_would_be_refused(
    stack: RunningStack, database_url: str, models: Path, tmp_path: Path, customers: Customers
) -> None:
    given = {**stack.environment, "RATE_LIMIT_DRY_RUN": "true"}
    with platform_on(given, database_url, models, tmp_path) as platform:
        platform.up("scorer", "gateway")
        key = platform.create_key(rate_limit=1, burst=2)
        headers = {"X-API-Key": key.api_key}
        asked = [platform.http.post("/predict", json=customers(n), headers=headers) for n in range(4)]
        asked.append(platform.http.post("/predict", json={"rows": [customers(0)] * 3}, headers=headers))
        assert [(one.status_code, one.headers["X-RateLimit-Remaining"]) for one in asked] == [
            (200, "1"),
            (200, "0"),
            *[(200, "0")] * 3,
        ]
        counted = metrics_text(platform.environment["PROMETHEUS_MULTIPROC_DIR"]).decode()
        assert "rate_limit_would_refuse_total 3.0" in counted
        assert "rate_limit_exceeded_total 0.0" in counted


@pytest.mark.contract("B1", "B5")
def test_where_limits_are_switched_off_nobody_is_refused_and_no_answer_and_no_result_tells_of_a_bucket(
    stack: RunningStack, database_url: str, models: Path, tmp_path: Path, customers: Customers, redis_url: str
) -> None:
    given = {**stack.environment, "RATE_LIMIT_ENABLED": "false"}
    with platform_on(given, database_url, models, tmp_path) as platform:
        platform.up("scorer", "gateway")
        key = platform.create_key(rate_limit=1, burst=1)
        http, shown = platform.http, {"X-API-Key": key.api_key}
        answers = [http.post("/predict", json=customers(n), headers=shown) for n in range(3)]
        others = [http.get("/nothing", headers=shown), http.get("/metrics", headers=shown)]
        assert [answer.status_code for answer in [*answers, *others]] == [200, 200, 200, 404, 403]
        assert not [name for answer in [*answers, *others] for name in answer.headers if "ratelimit" in name]
        for name in ("prediction-results", "prediction-replies"):
            events = platform.tap(name).until(lambda events: len(events) >= 3 and events, f"three on {name}")
            assert not [event for event in events if "ratelimit" in dict(event.headers)]
    with redis.Redis.from_url(redis_url) as client:
        assert client.get(f"{platform.settings.bucket_prefix}:bucket:{key.key_id}") is None
