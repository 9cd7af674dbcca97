"""Redis slow, down, flushed: each has one outcome, and none of them is an exception."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from infra.rate_limit import connect
from tests.infra.charges import TOPIC, charge, outcomes
from tests.infra.outages import BUSY_S, TWO_TRIES_S, Mute, Server, frozen, limiter, until_redis_decides

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
async def absent() -> AsyncIterator[Redis]:
    client = connect(NOBODY)
    yield client
    await client.aclose()


@pytest.mark.contract("B6")
async def test_without_redis_a_share_of_the_limit_is_admitted_and_flagged(absent: Redis) -> None:
    told: list[bool] = []
    buckets = limiter(absent, on_degraded=told.append)
    batch = [charge(n, capacity=100, per_hour=1000) for n in range(30)]
    decisions = await buckets.charge(TOPIC, batch, 0.25)
    assert outcomes(decisions) == "a" * 25 + "d" * 5
    assert all(decision.degraded for decision in decisions)
    assert decisions[0].limit == 1000
    assert decisions[-1].retry_after >= 14
    assert (buckets.degraded, told) == (True, [True])


@pytest.mark.contract("B6", "B7")
async def test_without_redis_offsets_and_requests_are_remembered_all_the_same(absent: Redis) -> None:
    buckets = limiter(absent)
    batch = [charge(0, 10, identity="one"), charge(1), charge(2, identity="one"), charge(3, expired=True)]
    first = outcomes(await buckets.charge(TOPIC, batch, 1))
    assert first == "adae"
    assert outcomes(await buckets.charge(TOPIC, batch, 1)) == first


@pytest.mark.contract("B6")
async def test_a_small_share_still_admits_one(absent: Redis) -> None:
    decisions = await limiter(absent).charge(TOPIC, [charge(n) for n in range(2)], 0.001)
    assert outcomes(decisions) == "ad"


@pytest.mark.contract("B6")
async def test_more_rows_than_a_share_holds_are_denied_for_now_not_for_good(absent: Redis) -> None:
    decisions = await limiter(absent).charge(TOPIC, [charge(0, 8)], 0.5)
    assert decisions[0].retry_after >= 1


@pytest.mark.contract("B6")
async def test_peeking_works_without_redis(absent: Redis) -> None:
    state = await limiter(absent).peek("key", 10, 10)
    assert (state.remaining, state.degraded) == (10, True)


@pytest.mark.contract("B6")
async def test_redis_killed_and_back_is_used_again(server: Server, own_redis: Redis) -> None:
    told: list[bool] = []
    buckets = limiter(own_redis, on_degraded=told.append)
    assert not (await buckets.charge(TOPIC, [charge(0)], 1))[0].degraded
    server.stop()
    assert (await buckets.charge(TOPIC, [charge(1)], 1))[0].degraded
    server.start()
    await until_redis_decides(buckets, 0)
    assert told == [True, False]


@pytest.mark.contract("B6")
async def test_slow_redis_is_left_alone_in_time_and_its_late_answers_are_not_mixed_up(own_redis: Redis) -> None:
    buckets = limiter(own_redis)
    assert outcomes(await buckets.charge(TOPIC, [charge(n) for n in range(10)], 1)) == "a" * 10
    await own_redis.execute_command("CLIENT", "PAUSE", "1000")
    began = time.monotonic()
    assert (await buckets.charge(TOPIC, [charge(10)], 1))[0].degraded
    assert TWO_TRIES_S * 0.9 <= time.monotonic() - began < TWO_TRIES_S + BUSY_S
    await until_redis_decides(buckets, 0)
    decisions = await buckets.charge(TOPIC, [charge(n, bucket="fresh") for n in range(11, 22)], 1)
    assert outcomes(decisions) == "a" * 10 + "d"
    assert not decisions[0].degraded


@pytest.mark.contract("B6")
async def test_while_redis_is_left_alone_it_costs_no_time(own_redis: Redis) -> None:
    buckets = limiter(own_redis)
    await buckets.charge(TOPIC, [charge(0)], 1)
    await own_redis.execute_command("CLIENT", "PAUSE", "1000")
    await buckets.charge(TOPIC, [charge(1)], 1)
    began = time.monotonic()
    await buckets.charge(TOPIC, [charge(2)], 1)
    assert time.monotonic() - began < 0.1


@pytest.mark.contract("B6")
async def test_a_redis_that_stands_still_is_left_by_the_first_batch_and_asked_by_no_other(
    server: Server, own_redis: Redis
) -> None:
    buckets = limiter(mute := Mute(own_redis))
    await buckets.charge(TOPIC, [charge(0)], 1)
    with frozen(server):
        began = time.monotonic()
        assert (await buckets.charge(TOPIC, [charge(1)], 1))[0].degraded
        assert time.monotonic() - began < TWO_TRIES_S + BUSY_S
        asked, batches = len(mute.payloads), mute.batches
        offset = 2
        while len(mute.payloads) < asked + 2:  # beside the batches Redis is tried again and again
            assert (await buckets.charge(TOPIC, [charge(offset)], 1))[0].degraded
            assert time.monotonic() - began < 20
            offset += 1
            await asyncio.sleep(0.05)
        assert mute.batches == batches
    await until_redis_decides(buckets, 0)


@pytest.mark.contract("B6")
async def test_a_lost_script_is_loaded_again(own_redis: Redis) -> None:
    buckets = limiter(own_redis)
    await buckets.charge(TOPIC, [charge(0, 10)], 1)
    await own_redis.script_flush()
    decisions = await buckets.charge(TOPIC, [charge(1)], 1)
    assert (outcomes(decisions), decisions[0].degraded) == ("d", False)


@pytest.mark.contract("B6")
async def test_a_flushed_redis_starts_with_full_buckets(own_redis: Redis) -> None:
    buckets = limiter(own_redis)
    await buckets.charge(TOPIC, [charge(0, 10)], 1)
    await own_redis.flushall()
    decisions = await buckets.charge(TOPIC, [charge(1)], 1)
    assert (outcomes(decisions), decisions[0].remaining, decisions[0].degraded) == ("a", 9, False)


async def test_the_log_says_once_that_limits_are_local(absent: Redis, caplog: pytest.LogCaptureFixture) -> None:
    buckets = limiter(absent)
    with caplog.at_level(logging.WARNING):
        for offset in range(5):
            await buckets.charge(TOPIC, [charge(offset)], 1)
    assert [record.name for record in caplog.records] == ["weir.rate_limit"]


@pytest.mark.contract("B1")
async def test_switched_off_it_admits_everything_without_redis(absent: Redis) -> None:
    buckets = limiter(absent, enabled=False)
    decisions = await buckets.charge(TOPIC, [*(charge(n) for n in range(50)), charge(50, expired=True)], 1)
    assert outcomes(decisions) == "a" * 50 + "e"
    assert not any(decision.limited for decision in decisions)
    assert not buckets.degraded
