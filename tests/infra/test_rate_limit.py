"""The limiter on a real Redis, of both kinds that the local stack may find."""

import asyncio
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.infra.charges import TOPIC, WINDOW_S, Clock, S, charge, limiter, on_redis, outcomes


@pytest.mark.contract("B2", "B5")
def test_ten_an_hour_on_redis(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        clock = Clock()
        buckets = limiter(redis, clock)
        decisions = await buckets.charge(TOPIC, [charge(n) for n in range(11)], 1)
        assert [d.remaining for d in decisions] == [*range(9, -1, -1), 0]
        assert outcomes(decisions) == "a" * 10 + "d"
        assert decisions[9].reset_at == 4600
        assert (decisions[10].reset_at, decisions[10].retry_after) == (1360, 360)
        for offset, second, outcome in [(11, 1100, "d"), (12, 1200, "d"), (13, 1300, "d"), (14, 1360, "a")]:
            clock.now_us = second * S
            assert outcomes(await buckets.charge(TOPIC, [charge(offset)], 1)) == outcome

    on_redis(own_redis_url, work)


@pytest.mark.contract("B3")
def test_two_limiters_racing_admit_exactly_the_limit(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        prefix, clock = uuid4().hex, Clock()

        async def race(partition: int) -> int:
            mine, admitted = limiter(redis, clock, prefix), 0
            for first in range(0, 150, 10):
                batch = [charge(first + n, capacity=100, partition=partition) for n in range(10)]
                admitted += outcomes(await mine.charge(TOPIC, batch, 1)).count("a")
            return admitted

        assert sum(await asyncio.gather(race(0), race(1))) == 100

    on_redis(own_redis_url, work)


@pytest.mark.contract("B7", "R10")
def test_a_redelivered_record_keeps_its_decision_and_costs_nothing(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        clock = Clock()
        buckets = limiter(redis, clock)
        batch = [charge(n, expired=n == 3) for n in range(13)]
        first = await buckets.charge(TOPIC, batch, 1)
        clock.now_us += 3600 * S
        again = await buckets.charge(TOPIC, batch, 1)
        assert outcomes(again) == outcomes(first) == "aaaeaaaaaaadd"
        assert (await buckets.peek("key", 10, 10)).remaining == 10

    on_redis(own_redis_url, work)


def test_a_topic_made_anew_is_another_log(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock())
        await buckets.charge(TOPIC, [charge(0, 10), charge(1)], 1)
        assert outcomes(await buckets.charge("other", [charge(0)], 1)) == "d"

    on_redis(own_redis_url, work)


@pytest.mark.contract("R7")
def test_a_request_sent_twice_is_charged_once_within_the_window(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        clock = Clock()
        buckets = limiter(redis, clock)
        same = [charge(n, 10, identity="same") for n in range(3)]
        for request in same[:2]:
            assert outcomes(await buckets.charge(TOPIC, [request], 1)) == "a"
        clock.now_us += WINDOW_S * S
        assert outcomes(await buckets.charge(TOPIC, [*same[2:], charge(3, 10, identity="other")], 1)) == "aa"
        assert outcomes(await buckets.charge(TOPIC, [charge(4, 10, identity="third")], 1)) == "d"
        clock.now_us += 2 * WINDOW_S * S
        assert outcomes(await buckets.charge(TOPIC, [charge(5, 10), charge(6, 10, identity="same")], 1)) == "ad"

    on_redis(own_redis_url, work)


def test_the_same_identity_of_another_key_is_another_request(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock())
        batch = [charge(n, 10, identity="same", bucket=f"key {n}") for n in range(2)]
        await buckets.charge(TOPIC, batch, 1)
        for n in range(2):
            assert (await buckets.peek(f"key {n}", 10, 10)).remaining == 0

    on_redis(own_redis_url, work)


@pytest.mark.contract("R8")
def test_an_expired_request_costs_nothing_but_an_admitted_one_stays_admitted(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock())
        batch = [charge(0, identity="in time"), charge(1, identity="in time", expired=True), charge(2, expired=True)]
        decisions = await buckets.charge(TOPIC, batch, 1)
        assert (outcomes(decisions), decisions[-1].remaining) == ("aae", 9)

    on_redis(own_redis_url, work)


def test_what_can_never_pass_is_denied_with_no_time_to_wait(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        decisions = await limiter(redis, Clock()).charge(TOPIC, [charge(0, 11), charge(1, 10)], 1)
        assert outcomes(decisions) == "da"
        assert (decisions[0].retry_after, decisions[0].remaining) == (0, 10)

    on_redis(own_redis_url, work)


@pytest.mark.contract("R7")
def test_an_admitted_request_is_kept_to_the_end_of_the_next_window_in_which_it_is_still_looked_for(
    own_redis_url: str,
) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock(WINDOW_S - 1), prefix := uuid4().hex)
        await buckets.charge(TOPIC, [charge(0, identity="same")], 1)
        assert WINDOW_S + 1 < await redis.ttl(f"{prefix}:ids:key:0") <= 2 * WINDOW_S

    on_redis(own_redis_url, work)


@pytest.mark.contract("B3")
def test_buckets_outlive_their_time_to_full_and_everything_else_expires_too(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock(), prefix := uuid4().hex)
        await buckets.charge(TOPIC, [charge(0), charge(1, 11)], 1)
        assert await redis.ttl(f"{prefix}:bucket:key") >= 3600
        async for name in redis.scan_iter(f"{prefix}:*"):
            assert await redis.ttl(name) > 0, name

    on_redis(own_redis_url, work)


@pytest.mark.contract("B3")
def test_reset_fills_the_bucket_and_peeking_charges_nothing(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock())
        await buckets.charge(TOPIC, [charge(0, 7)], 1)
        assert [(await buckets.peek("key", 10, 10)).remaining for _ in range(3)] == [3, 3, 3]
        await buckets.reset("key")
        assert (await buckets.peek("key", 10, 10)).remaining == 10

    on_redis(own_redis_url, work)


def test_a_batch_of_ten_thousand_is_decided_in_one_call(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock())
        batch = [charge(n, per_hour=10_000_000, capacity=9000) for n in range(10_000)]
        assert outcomes(await buckets.charge(TOPIC, batch, 1)) == "a" * 9000 + "d" * 1000
        assert outcomes(await buckets.charge(TOPIC, batch, 1)) == "a" * 9000 + "d" * 1000

    on_redis(own_redis_url, work)
