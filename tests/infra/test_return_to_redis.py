"""The way back to Redis: over slow links, without flapping, and with what was decided while it was away."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from infra.handover import CHUNK, SLICE
from infra.rate_limit import RedisLimiter, connect
from tests.infra.charges import TOPIC, charge, outcomes
from tests.infra.outages import Mute, Server, frozen, limiter, until_redis_decides
from tests.infra.slow_link import SlowLink, slow_link

SHORT_S = 0.1
"""Longer than one round trip over the slow link, shorter than the handful that a new connection takes."""

A_FEW_SECONDS = 8.0


@pytest.fixture
async def link(server: Server) -> AsyncIterator[SlowLink]:
    async with slow_link(server.port) as link:
        yield link


@pytest.fixture
async def far(link: SlowLink) -> AsyncIterator[Redis]:
    client = connect(f"redis://127.0.0.1:{link.port}/0")
    yield client
    await client.aclose()


async def until(degraded: bool, buckets: RedisLimiter, first: int, within_s: float = A_FEW_SECONDS) -> int:
    """Batches on and on until Redis decides, or no longer; the next offset."""
    deadline = time.monotonic() + within_s
    while (await buckets.charge(TOPIC, [charge(first)], 1))[0].degraded is not degraded:
        assert time.monotonic() < deadline, f"not degraded={degraded} within {within_s} s"
        first += 1
        await asyncio.sleep(0.02)
    return first + 1


@pytest.mark.contract("B6")
async def test_a_connection_that_ended_on_a_slow_link_is_made_anew(link: SlowLink, far: Redis) -> None:
    told: list[bool] = []
    buckets = limiter(far, timeout_s=SHORT_S, on_degraded=told.append)
    link.delay_s = 0.03
    assert not (await buckets.charge(TOPIC, [charge(0)], 1))[0].degraded
    link.cut()
    offset = await until(True, buckets, 1)
    offset = await until(False, buckets, offset)
    assert not (await buckets.charge(TOPIC, [charge(offset)], 1))[0].degraded
    assert told == [True, False]


@pytest.mark.contract("B6")
async def test_a_redis_that_has_become_slow_is_left_once_and_not_returned_to(link: SlowLink, far: Redis) -> None:
    told: list[bool] = []
    buckets = limiter(mute := Mute(far), timeout_s=0.05, on_degraded=told.append)
    await buckets.charge(TOPIC, [charge(0)], 1)
    link.delay_s = 0.1
    offset = await until(True, buckets, 1)
    tries, batches = len(mute.payloads), mute.batches
    while len(mute.payloads) < tries + 4:  # two more tries, each of which connects and then asks again
        [decision] = await buckets.charge(TOPIC, [charge(offset, bucket=f"key {offset}")], 1)
        assert (decision.outcome, decision.degraded) == ("admitted", True)
        offset += 1
        await asyncio.sleep(0.02)
    assert (told, mute.batches) == ([True], batches)
    link.delay_s = 0.0
    await until(False, buckets, offset)
    assert told == [True, False]


@pytest.mark.contract("B6")
async def test_a_slow_redis_is_not_returned_to_where_it_would_be_told_nothing_either(
    link: SlowLink, far: Redis
) -> None:
    told: list[bool] = []
    buckets = limiter(mute := Mute(far), timeout_s=0.05, on_degraded=told.append)
    await buckets.peek("key", 10, 10)
    link.delay_s = 0.1
    assert (await buckets.peek("key", 10, 10)).degraded
    tries, deadline = len(mute.payloads), time.monotonic() + A_FEW_SECONDS
    while len(mute.payloads) < tries + 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert (buckets.degraded, told) == (True, [True])


@pytest.mark.contract("B7")
async def test_what_was_decided_without_redis_stands_once_it_is_back_in_every_process(
    server: Server, own_redis: Redis
) -> None:
    buckets = limiter(own_redis)
    await buckets.charge(TOPIC, [charge(0)], 1)
    server.stop()
    batch = [charge(n, expired=n == 5) for n in range(1, 30)]
    first = outcomes(await buckets.charge(TOPIC, batch, 1))
    assert first == "aaaa" + "e" + "a" * 6 + "d" * 18
    server.start()
    await until_redis_decides(buckets, 0)
    for process in (buckets, limiter(own_redis)):
        decisions = await process.charge(TOPIC, batch, 1)
        assert (outcomes(decisions), decisions[0].degraded) == (first, False)
    assert (await buckets.peek("key", 10, 10)).remaining == 10


@pytest.mark.contract("B7")
async def test_what_redis_decided_too_late_does_not_stand_against_what_callers_were_told(
    server: Server, own_redis: Redis
) -> None:
    """The batch lies in the socket of a server that stands still: it runs once the server goes on."""
    buckets = limiter(own_redis)
    await buckets.charge(TOPIC, [charge(n) for n in range(10)], 1)
    batch = [charge(n) for n in range(10, 25)]
    with frozen(server):
        first = outcomes(await buckets.charge(TOPIC, batch, 1))
        assert first == "a" * 10 + "d" * 5
    await until_redis_decides(buckets, 0)
    assert outcomes(await limiter(own_redis).charge(TOPIC, batch, 1)) == first


@pytest.mark.contract("B7")
@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_redis_decided_stands_while_it_is_away(server: Server, own_redis: Redis, dry_run: bool) -> None:
    buckets = limiter(own_redis, dry_run=dry_run)
    batch = [charge(n, expired=n == 3, partition=n % 2) for n in range(20)]
    first = await buckets.charge(TOPIC, batch, 1)
    server.stop()
    again = await buckets.charge(TOPIC, batch, 0.1)  # of new records it would admit one
    assert again[0].degraded
    assert outcomes(again) == outcomes(first)
    assert [decision.would_refuse for decision in again] == [decision.would_refuse for decision in first]


@pytest.mark.contract("B7")
async def test_thousands_of_refusals_over_many_chunks_are_handed_over(server: Server, own_redis: Redis) -> None:
    buckets = limiter(own_redis)
    await buckets.charge(TOPIC, [charge(0)], 1)
    server.stop()
    # Three slices and more, every third admitted, over the edges of chunks, in two partitions.
    start, count = 2**40 - CHUNK // 2, 5 * SLICE
    log = [
        charge(start + n // 2, 1 + 2 * (n % 3 != 0), partition=n % 2, capacity=2 if n % 3 else 10**7, bucket=str(n % 3))
        for n in range(count)
    ]
    first = ""
    for begin in range(0, count, 500):
        first += outcomes(await buckets.charge(TOPIC, log[begin : begin + 500], 1))
    assert first == ("add" * count)[:count]
    server.start()
    await until_redis_decides(buckets, 0)
    assert outcomes(await limiter(own_redis).charge(TOPIC, log, 1)) == first


@pytest.mark.contract("B7")
async def test_how_far_a_partition_is_decided_never_goes_back(server: Server, own_redis: Redis) -> None:
    """Another process goes on where this one, cut off from Redis, has left the partition."""
    buckets = limiter(own_redis)
    await buckets.charge(TOPIC, [charge(0)], 1)
    with frozen(server):
        assert (await buckets.charge(TOPIC, [charge(1)], 1))[0].degraded
    other = limiter(own_redis)
    assert outcomes(await other.charge(TOPIC, [charge(2, 2), charge(3, 2)], 1)) == "aa"
    assert buckets.degraded
    await until_redis_decides(buckets, 0)
    before = await other.peek("key", 1, 10)
    assert outcomes(await other.charge(TOPIC, [charge(2, 2), charge(3, 2)], 1)) == "aa"
    assert (await other.peek("key", 1, 10)).remaining == before.remaining


@pytest.mark.contract("B6", "B7")
async def test_batches_that_never_pause_are_no_obstacle_to_the_return(link: SlowLink, far: Redis) -> None:
    buckets = limiter(far, timeout_s=SHORT_S)
    link.delay_s = 0.02
    decided: dict[int, str] = {}
    offset, was_away, deadline = 0, False, time.monotonic() + 20
    while not (was_away and not buckets.degraded):
        assert time.monotonic() < deadline
        batch = [charge(offset + n, 11) for n in range(5)]
        decided |= dict(zip(range(offset, offset + 5), outcomes(await buckets.charge(TOPIC, batch, 1)), strict=True))
        offset += 5
        was_away = was_away or buckets.degraded
        if not was_away:
            link.cut()
        await asyncio.sleep(0)
    link.delay_s = 0.0
    again = await limiter(far).charge(TOPIC, [charge(n, 11) for n in decided], 1)
    assert outcomes(again) == "d" * len(decided)
    assert not again[0].degraded


async def test_a_limiter_that_is_closed_tries_no_more(server: Server, own_redis: Redis) -> None:
    buckets = limiter(mute := Mute(own_redis))
    server.stop()
    await buckets.charge(TOPIC, [charge(0)], 1)
    await buckets.close()
    await buckets.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "Recovery" in repr(task)]
    assert mute.batches == 2
