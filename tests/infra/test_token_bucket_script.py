"""The script against the pure arithmetic, on random histories."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from infra.charging import ask, decide
from infra.local_buckets import LocalBuckets
from schemas.quota import Charge
from tests.infra.charges import TOPIC, WINDOW_S, Clock, S, limiter, on_redis, outcomes

steps = st.fixed_dictionaries(
    {
        "passes_us": st.integers(-60 * S, 2 * 3600 * S),
        "per_hour": st.sampled_from([1, 7, 1000, 9_999_999]),
        "capacity": st.sampled_from([1, 3, 100, 10_000_000]),
        "rewinds": st.sampled_from([0, 0, 0, 1, 5]),
        "floor_lags": st.integers(5, 20),
        "charges": st.lists(
            st.tuples(
                st.sampled_from(["a", "b"]), st.integers(0, 1), st.sampled_from([1, 2, 3, 9_999_999]),
                st.integers(0, 12), st.booleans(),
            ),
            max_size=12,
        ),
    }
)  # fmt: skip


def batches(history: Sequence[dict[str, Any]]) -> Iterator[tuple[int, list[Charge], dict[int, int]]]:
    """Time passed, charges and floors of each batch; some offsets come again."""
    ends = [0, 0]
    for step in history:
        ends = [max(0, end - step["rewinds"]) for end in ends]
        charges = []
        for bucket, partition, cost, identity, expired in step["charges"]:
            offset, ends[partition] = ends[partition], ends[partition] + 1
            limits = step["per_hour"], step["capacity"]
            charges.append(Charge(bucket, *limits, cost, partition, offset, str(identity), expired))
        yield step["passes_us"], charges, {p: max(0, end - step["floor_lags"]) for p, end in enumerate(ends)}


@pytest.mark.contract("B2", "B7")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=1, max_size=8))
def test_script_and_pure_arithmetic_agree(own_redis_url: str, history: Sequence[dict[str, Any]]) -> None:
    async def work(redis: Redis) -> None:
        clock = Clock(1_700_000_000)
        buckets, pure = limiter(redis, clock), LocalBuckets(WINDOW_S)
        for passes_us, charges, floors in batches(history):
            clock.now_us += passes_us
            asked = ask("log-1", charges, floors)
            expected = list(decide(asked, charges, pure.charge(asked, clock.now_us))) if charges else []
            assert list(await buckets.charge(TOPIC, charges, floors, 1)) == expected
        assert not buckets.degraded

    on_redis(own_redis_url, work)


@pytest.mark.contract("B7", "R10")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=1, max_size=6), data=st.data())
def test_replaying_from_anywhere_gives_the_first_decisions_and_the_same_buckets(
    own_redis_url: str, history: Sequence[dict[str, Any]], data: st.DataObject
) -> None:
    charges = [item for _, batch, _ in batches([{**step, "rewinds": 0} for step in history]) for item in batch]
    cut = data.draw(st.integers(0, len(charges)))
    restart = data.draw(st.integers(0, cut))

    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock())
        first = outcomes(await buckets.charge(TOPIC, charges[:cut], {}, 1))
        before = [await buckets.peek(name, 1000, 100) for name in "ab"]
        assert outcomes(await buckets.charge(TOPIC, charges[restart:cut], {}, 1)) == first[restart:]
        assert [await buckets.peek(name, 1000, 100) for name in "ab"] == before

    on_redis(own_redis_url, work)
