"""`weir limits` on a real topic and a real Redis: the buckets that keys spend from."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.auth import get_key_manager
from infra.rate_limit import RedisLimiter, connect
from schemas.errors import Unavailable
from schemas.keys import ApiKey
from schemas.quota import Charge
from streams.cli import weir
from streams.settings import Settings
from tests.kafka import make_topic

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def environ(bootstrap: str, redis_url: str, unique: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = unique() + "."
    given = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "REDIS_URL": redis_url, "TOPIC_PREFIX": prefix}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for topic in ("api-keys", "audit-events"):
        make_topic(bootstrap, prefix + topic, 1)


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(weir, ["limits", *arguments], catch_exceptions=False)


def told(*arguments: str) -> dict[str, Any]:
    result = ran(*arguments, "--json")
    assert result.exit_code == 0, result.output
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def new_key(**options: Any) -> ApiKey:
    keys = get_key_manager()
    key = keys.validate_key(keys.create_key("client", **options))
    assert key is not None
    return key


def spend(redis_url: str, key: ApiKey, tokens: int) -> None:
    """As a scorer does."""

    async def run() -> None:
        redis = connect(redis_url)
        prefix = Settings.read(os.environ).bucket_prefix
        limiter = RedisLimiter(redis, logs={"none": ""}, prefix=prefix, timeout_s=5)
        await limiter.charge("none", [Charge(key.bucket, key.rate_limit, key.capacity, tokens, 0, 0, "")], 1)
        await redis.aclose()

    asyncio.run(run())


@pytest.mark.contract("B3")
def test_show_tells_what_is_left_and_costs_nothing_and_reset_fills_the_bucket(redis_url: str) -> None:
    key = new_key(rate_limit=1000, burst=100)
    spend(redis_url, key, 60)
    first, again = told("show", key.key_id), told("show", key.key_id)
    assert {**first, "full": None} == {
        "id": key.key_id, "name": "client", "bucket": key.bucket, "limit": 1000, "burst": 100, "remaining": 40,
        "full": None,
    }  # fmt: skip
    assert again["remaining"] == 40
    left = datetime.fromisoformat(first["full"]) - datetime.now(UTC)
    assert timedelta(seconds=180) < left <= timedelta(seconds=217)
    assert told("reset", key.key_id)["remaining"] == 100
    assert told("show", key.key_id)["remaining"] == 100


@pytest.mark.contract("B3")
def test_keys_of_one_pool_are_shown_and_filled_as_the_one_bucket_that_they_share(
    redis_url: str, unique: Callable[..., str]
) -> None:
    owner = unique("shop")
    one, other = (new_key(rate_limit=1000, owner=owner, pooled=True) for _ in range(2))
    spend(redis_url, one, 70)
    state = told("show", other.key_id)
    assert (state["bucket"], state["remaining"]) == (f"owner:{owner}", 30)
    told("reset", other.key_id)
    assert told("show", one.key_id)["remaining"] == 100


@pytest.mark.contract("B3")
def test_platforms_that_share_a_redis_share_no_bucket_though_an_owner_has_keys_of_both(
    bootstrap: str, redis_url: str, unique: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = unique("shop")
    here = new_key(rate_limit=1000, owner=owner, pooled=True)
    spend(redis_url, here, 70)
    prefix = os.environ["TOPIC_PREFIX"]
    monkeypatch.setenv("TOPIC_PREFIX", f"other.{prefix}")
    for topic in ("api-keys", "audit-events"):
        make_topic(bootstrap, f"other.{prefix}{topic}", 1)
    there = new_key(rate_limit=1000, owner=owner, pooled=True)
    assert (told("show", there.key_id)["bucket"], told("show", there.key_id)["remaining"]) == (here.bucket, 100)
    told("reset", there.key_id)
    monkeypatch.setenv("TOPIC_PREFIX", prefix)
    assert told("show", here.key_id)["remaining"] == 30


def test_people_are_told_in_lines(redis_url: str) -> None:
    key = new_key(rate_limit=360, burst=10)
    spend(redis_url, key, 4)
    lines = ran("show", key.key_id).stdout.splitlines()
    assert {"limit        360/h", "burst        10", "remaining    6"} <= set(lines)


@pytest.mark.parametrize("verb", ["show", "reset"])
def test_an_unknown_id_is_told(verb: str) -> None:
    result = ran(verb, "-no-such-id")
    assert result.exit_code == 1
    assert "-no-such-id is not the id of a key" in result.stderr


@pytest.mark.parametrize("verb", ["show", "reset"])
def test_without_redis_it_is_said_and_nothing_made_up(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    monkeypatch.setenv("REDIS_URL", NOBODY)
    with pytest.raises(Unavailable, match="redis: the bucket"):
        ran(verb, key.key_id)
