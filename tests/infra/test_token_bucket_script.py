"""The script against the pure arithmetic, on random histories."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from infra.bucket import spend
from infra.charging import ask, decide
from infra.local_buckets import LocalBuckets
from infra.rate_limit import RedisLimiter
from schemas.quota import Charge
from tests.infra.charges import TOPIC, WINDOW_S, Clock, S, limiter, on_redis, outcomes

TO_THE_BEGINNING = 2**60

steps = st.fixed_dictionaries(
    {
        "passes_us": st.integers(-60 * S, 2 * 3600 * S),
        "per_hour": st.sampled_from([1, 7, 1000, 9_999_999]),
        "capacity": st.sampled_from([1, 3, 100, 10_000_000]),
        "rewinds": st.sampled_from([0, 0, 0, 1, 5, TO_THE_BEGINNING]),
        "charges": st.lists(
            st.tuples(
                st.sampled_from(["a", "b"]), st.integers(0, 1), st.sampled_from([1, 2, 3, 9_999_999]),
                st.integers(0, 12), st.booleans(),
            ),
            max_size=12,
        ),
    }
)  # fmt: skip
starts = st.sampled_from([0, 2**11 - 5, 2**12 - 5, 2**40 - 5])
"""Refusals are kept in chunks of offsets: the histories cross their edges."""


def batches(history: Sequence[dict[str, Any]], start: int) -> Iterator[tuple[int, list[Charge]]]:
    """Time passed and charges of each batch; some offsets come again, with what their time makes of them."""
    ends = [start, start]
    for step in history:
        ends = [max(start, end - step["rewinds"]) for end in ends]
        charges = []
        for bucket, partition, cost, identity, expired in step["charges"]:
            offset, ends[partition] = ends[partition], ends[partition] + 1
            limits = step["per_hour"], step["capacity"]
            charges.append(Charge(bucket, *limits, cost, partition, offset, str(identity), expired))
        yield step["passes_us"], charges


@pytest.mark.contract("B2", "B7")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=1, max_size=8), start=starts, dry_run=st.booleans())
def test_script_and_pure_arithmetic_agree(
    own_redis_url: str, history: Sequence[dict[str, Any]], start: int, dry_run: bool
) -> None:
    async def work(redis: Redis) -> None:
        clock = Clock(1_700_000_000)
        buckets, pure = limiter(redis, clock, dry_run=dry_run), LocalBuckets(WINDOW_S, dry_run=dry_run)
        for passes_us, charges in batches(history, start):
            clock.now_us += passes_us
            asked = ask("log-1", charges)
            expected = list(decide(asked, charges, pure.charge(asked, clock.now_us))) if charges else []
            assert list(await buckets.charge(TOPIC, charges, 1)) == expected
        assert not buckets.degraded

    on_redis(own_redis_url, work)


charges_of_no_record = st.tuples(
    st.integers(-60 * S, 2 * 3600 * S),
    st.sampled_from([1, 7, 1000, 9_999_999]),
    st.sampled_from([1, 3, 100, 10_000_000]),
    st.sampled_from([1, 2, 3, 9_999_999]),
)
"""Time that passes, tokens an hour, capacity, cost."""


@pytest.mark.contract("B2")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(charges_of_no_record, min_size=1, max_size=12))
def test_charges_of_no_record_are_the_pure_function_one_after_the_other(
    own_redis_url: str, history: Sequence[tuple[int, int, int, int]]
) -> None:
    async def work(redis: Redis) -> None:
        clock, level = Clock(1_700_000_000), None
        buckets = RedisLimiter(redis, logs={"none": ""}, prefix=uuid4().hex, timeout_s=5, clock_us=clock)
        for passes_us, per_hour, capacity, cost in history:
            clock.now_us += passes_us
            spent = spend(level, clock.now_us, per_hour, capacity, cost)
            relimited = level is not None and level[2:] != spent.level[2:]
            if spent.admitted or relimited:  # a bucket that is only looked at stays as it was, its moment too
                level = spent.level
            [decision] = await buckets.charge("none", [Charge("key", per_hour, capacity, cost, 0, 0, "")], 1)
            assert (decision.outcome == "admitted", decision.remaining) == (spent.admitted, spent.remaining)

    on_redis(own_redis_url, work)


@pytest.mark.contract("B7", "R10")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=1, max_size=6), start=starts, data=st.data())
def test_replaying_from_anywhere_gives_the_first_decisions_and_the_same_buckets(
    own_redis_url: str, history: Sequence[dict[str, Any]], start: int, data: st.DataObject
) -> None:
    # A lowered limit would clamp a bucket; a key has one at a time, whichever of its records come again.
    limits = {name: history[0][name] for name in ("per_hour", "capacity")}
    forward = [{**step, **limits, "rewinds": 0} for step in history]
    charges = [item for _, batch in batches(forward, start) for item in batch]
    end = len(charges)
    cut, late = sorted(data.draw(st.tuples(st.integers(0, end), st.integers(0, end))))
    restarts = sorted(data.draw(st.sets(st.integers(0, late), max_size=4)))

    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock())
        first = outcomes(await buckets.charge(TOPIC, charges[:cut], 1))
        first += outcomes(await buckets.charge(TOPIC, charges[cut:late], 1))
        before = [await buckets.peek(name, 1000, 100) for name in "ab"]
        again = [await buckets.charge(TOPIC, charges[a:b], 1) for a, b in pairwise([*restarts, late])]
        assert "".join(map(outcomes, again)) == first[restarts[0] if restarts else late :]
        assert [await buckets.peek(name, 1000, 100) for name in "ab"] == before

    on_redis(own_redis_url, work)
