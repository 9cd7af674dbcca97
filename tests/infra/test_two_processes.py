"""Two processes on one bucket (B3), on both kinds of Redis."""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from infra.rate_limit import RedisLimiter, connect
from tests.infra.charges import TOPIC, Clock, charge, limiter, on_redis, outcomes

BATCHES, BATCH, LIMIT = 60, 25, 2000
TOGETHER_S, END_S = 60.0, 90.0


def spend_all(url: str, prefix: str, partition: int, together: Barrier, told: Connection) -> None:
    """One scorer's part: its partition's records, in batches, from the moment at which the other is ready too."""

    async def run() -> list[int]:
        redis = connect(url, 5)
        buckets = RedisLimiter(redis, logs={TOPIC: "log"}, prefix=prefix, timeout_s=5, clock_us=Clock())
        await buckets.peek("key", LIMIT, LIMIT)
        together.wait(TOGETHER_S)
        admitted = []
        for first in range(0, BATCHES * BATCH, BATCH):
            offsets = range(first, first + BATCH)
            batch = [charge(n, capacity=LIMIT, partition=partition, identity=f"{partition}:{n}") for n in offsets]
            admitted.append(outcomes(await buckets.charge(TOPIC, batch, 1)).count("a"))
        assert not buckets.degraded
        await redis.aclose()
        return admitted

    told.send(asyncio.run(run()))


@pytest.mark.contract("B3")
def test_two_processes_racing_on_one_bucket_admit_exactly_the_limit(own_redis_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    prefix, together = uuid4().hex, spawn.Barrier(2)
    racers, answers = [], []
    for partition in range(2):
        answer, told = spawn.Pipe(duplex=False)
        racers.append(spawn.Process(target=spend_all, args=(own_redis_url, prefix, partition, together, told)))
        answers.append(answer)
    for racer in racers:
        racer.start()
    admitted = [answer.recv() if answer.poll(END_S) else [] for answer in answers]
    for racer in racers:
        racer.join(END_S)
    assert [racer.exitcode for racer in racers] == [0, 0]
    assert [len(batches) for batches in admitted] == [BATCHES] * 2
    assert sum(sum(batches) for batches in admitted) == LIMIT


@pytest.mark.contract("B3")
def test_another_limit_or_tier_is_no_second_full_bucket_in_redis_either(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock())
        await buckets.charge(TOPIC, [charge(0, 10)], 1)
        decisions = await buckets.charge(TOPIC, [charge(1, per_hour=100_000, capacity=10_000)], 1)
        assert (outcomes(decisions), decisions[0].limit, decisions[0].remaining) == ("d", 100_000, 0)

    on_redis(own_redis_url, work)
