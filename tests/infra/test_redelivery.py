"""What comes again keeps its first decision, from wherever and however it comes."""

from collections.abc import Sequence
from random import Random
from uuid import uuid4

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from infra.charging import ask
from infra.local_buckets import CHUNK, CHUNKS, LocalBuckets
from infra.rate_limit import RedisLimiter
from infra.token_bucket import KEEP_S
from schemas.quota import Charge
from streams.topics import PREDICTION_REQUESTS
from tests.infra.charges import TOPIC, WINDOW_S, Clock, S, charge, limiter, on_redis, outcomes

PARTITIONS, BATCH = 3, 500
SEGMENT_S = 7 * 24 * 3600
"""Kafka's default: a record goes with its segment, which may be as old as this before its own retention begins."""


def log_of_requests(chance: Random) -> list[Charge]:
    """Many more than their buckets hold, some expired, some sent twice, over several chunks of each partition."""
    return [
        charge(
            number // PARTITIONS,
            chance.choice([1, 1, 3]),
            partition=number % PARTITIONS,
            bucket=chance.choice(["rich", "poor"]),
            identity=f"request {chance.randrange(5000)}",
            per_hour=1000,
            capacity=1000,
            expired=chance.random() < 0.1,
        )
        for number in range(4500 * PARTITIONS)
    ]


async def delivered(buckets: RedisLimiter, log: Sequence[Charge], size: int) -> str:
    """The outcomes of the whole log, in batches of such a size."""
    batches = [log[first : first + size] for first in range(0, len(log), size)]
    return "".join([outcomes(await buckets.charge(TOPIC, batch, 1)) for batch in batches])


@pytest.mark.contract("B7", "R6")
def test_everything_from_the_beginning_in_other_batches_is_decided_as_at_first(own_redis_url: str, seed: int) -> None:
    async def work(redis: Redis) -> None:
        clock, log, prefix = Clock(1_700_000_000), log_of_requests(Random(seed)), uuid4().hex
        first = await delivered(limiter(redis, clock, prefix), log, BATCH)
        assert all(first.count(outcome) > 500 for outcome in "ade")
        clock.now_us += 24 * 3600 * S
        late = [replace(item, expired=True) for item in log]  # as every deadline has passed by now
        for size in (97, BATCH, len(log)):
            assert await delivered(limiter(redis, clock, prefix), late, size) == first
        for bucket in ("rich", "poor"):
            assert (await limiter(redis, clock, prefix).peek(bucket, 1000, 1000)).remaining == 1000

    on_redis(own_redis_url, work)


@pytest.mark.contract("B1", "R6")
def test_without_limits_too_what_was_admitted_stays_so_when_it_comes_past_its_deadline(
    own_redis_url: str,
) -> None:
    async def work(redis: Redis) -> None:
        clock, prefix = Clock(), uuid4().hex
        log = [charge(number, 50, expired=number % 3 == 0) for number in range(30)]
        first = await delivered(limiter(redis, clock, prefix, enabled=False), log, 10)
        assert first == "eaa" * 10
        late = [replace(item, expired=True) for item in log]
        assert await delivered(limiter(redis, clock, prefix, enabled=False), late, 7) == first
        assert (await limiter(redis, clock, prefix).peek("key", 10, 10)).remaining == 10

    on_redis(own_redis_url, work)


@pytest.mark.contract("B7")
def test_while_redis_is_away_too_what_comes_again_is_decided_as_at_first(seed: int) -> None:
    buckets, log = LocalBuckets(WINDOW_S), log_of_requests(Random(seed))

    def letters(size: int, now_us: int) -> str:
        batches = [ask("log", log[first : first + size]) for first in range(0, len(log), size)]
        return "".join(buckets.charge(batch, now_us).letters for batch in batches).replace("c", "f")

    first = letters(BATCH, 1_700_000_000 * S)
    assert all(first.count(letter) > 500 for letter in "fdx")
    assert [letters(size, 1_800_000_000 * S) for size in (97, len(log))] == [first] * 2


@pytest.mark.contract("B7")
@pytest.mark.parametrize("partitions", [1, 3])
def test_the_newest_refusals_of_all_partitions_are_remembered_and_no_more(partitions: int) -> None:
    buckets = LocalBuckets(WINDOW_S)
    refused = [charge(number * CHUNK, 11, partition=number % partitions) for number in range(CHUNKS + 1)]
    assert set(buckets.charge(ask("log", refused), 0).letters) == {"d"}
    assert buckets.charge(ask("log", refused), 0).letters == "f" + "d" * CHUNKS


@pytest.mark.contract("B7")
def test_what_redis_decided_is_what_local_buckets_answer_when_it_comes_again(seed: int) -> None:
    redis, buckets, log = LocalBuckets(WINDOW_S), LocalBuckets(WINDOW_S), log_of_requests(Random(seed))
    first = ""
    for begin in range(0, len(log), BATCH):
        asked = ask("log", log[begin : begin + BATCH])
        letters = redis.charge(asked, 0).letters
        buckets.note(asked, letters)
        first += letters
    assert buckets.charge(ask("log", log), 0).letters == first.replace("c", "f")
    assert buckets.charge(ask("log", [charge(len(log), capacity=10)]), 0).letters == "c"


@pytest.mark.parametrize(("cost", "stored"), [(1, 0), (11, 1250)])
def test_a_refusal_takes_a_quarter_of_a_byte_and_an_admission_nothing(
    own_redis_url: str, cost: int, stored: int
) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock(), prefix := uuid4().hex)
        log = [charge(n, cost, identity="same") for n in range(5000)]
        await delivered(buckets, log, BATCH)
        names = [name async for name in redis.scan_iter(f"{prefix}:refused:*")]
        assert sum([await redis.strlen(name) for name in names]) == stored

    on_redis(own_redis_url, work)


@pytest.mark.contract("B7")
def test_decisions_are_kept_longer_than_the_records_they_are_about(own_redis_url: str) -> None:
    assert PREDICTION_REQUESTS.retention_ms is not None
    assert SEGMENT_S + PREDICTION_REQUESTS.retention_ms / 1000 < KEEP_S

    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock(), prefix := uuid4().hex)
        await buckets.charge(TOPIC, [charge(0, 11)], 1)
        for kind in ("seen", "refused"):
            [name] = [name async for name in redis.scan_iter(f"{prefix}:{kind}:*")]
            assert KEEP_S - 60 < await redis.ttl(name) <= KEEP_S

    on_redis(own_redis_url, work)


@pytest.mark.contract("B7")
def test_an_offset_that_stands_twice_in_one_batch_is_decided_once(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        batch = [charge(0, 11), charge(0, 11), charge(1), charge(1)]
        assert outcomes(await limiter(redis, Clock()).charge(TOPIC, batch, 1)) == "ddaa"
        assert LocalBuckets(WINDOW_S).charge(ask("log", batch), 0).letters == "ddcf"

    on_redis(own_redis_url, work)
