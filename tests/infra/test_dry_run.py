"""A dry run charges and tells who is past the limit, but refuses nobody; what was decided stands, whatever is set."""

from uuid import uuid4

import pytest
from redis.asyncio import Redis

from infra.charging import ask
from infra.local_buckets import LocalBuckets
from schemas.quota import Charge, Decision
from tests.infra.charges import TOPIC, WINDOW_S, Clock, S, charge, limiter, on_redis, outcomes


def past_limit(decisions: list[Decision]) -> list[bool]:
    return [decision.would_refuse for decision in decisions]


def batch() -> list[Charge]:
    """Ten tokens: eight go, three are not there, two are, and of none there are eleven."""
    return [charge(0, 8), charge(1, 3), charge(2, 2), charge(3), charge(4, 11), charge(5, expired=True)]


@pytest.mark.contract("B1")
def test_who_is_out_of_tokens_passes_with_none_remaining_and_the_others_are_charged(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        buckets = limiter(redis, Clock(), dry_run=True)
        decisions = list(await buckets.charge(TOPIC, batch(), 1))
        assert outcomes(decisions) == "aaaaae"
        assert past_limit(decisions) == [False, True, False, True, True, False]
        assert [decision.remaining for decision in decisions] == [2, 0, 0, 0, 0, 0]
        assert not any(decision.retry_after for decision in decisions)
        assert decisions[3].reset_at == 1360
        assert (await buckets.peek("key", 10, 10)).remaining == 0

    on_redis(own_redis_url, work)


def test_only_a_limiter_that_refuses_says_so() -> None:
    redis = Redis()
    assert limiter(redis, Clock()).refuses
    assert not limiter(redis, Clock(), dry_run=True).refuses
    assert not limiter(redis, Clock(), enabled=False).refuses


@pytest.mark.contract("B7")
@pytest.mark.parametrize("first", [True, False], ids=["dry run first", "limits first"])
@pytest.mark.parametrize("then", [True, False], ids=["then dry run", "then limits"])
def test_what_comes_again_keeps_its_decision_though_the_setting_was_changed(
    own_redis_url: str, first: bool, then: bool
) -> None:
    async def work(redis: Redis) -> None:
        clock, prefix, records = Clock(), uuid4().hex, batch()
        before = list(await limiter(redis, clock, prefix, dry_run=first).charge(TOPIC, records, 1))
        assert outcomes(before) == ("aaaaae" if first else "adadde")
        clock.now_us += 3600 * S
        changed = limiter(redis, clock, prefix, dry_run=then)
        again = list(await changed.charge(TOPIC, records, 1))
        assert (outcomes(again), past_limit(again)) == (outcomes(before), past_limit(before))
        assert (await changed.peek("key", 10, 10)).remaining == 10

    on_redis(own_redis_url, work)


@pytest.mark.contract("R7")
def test_a_request_that_the_dry_run_let_pass_and_is_sent_again_passes_again_at_no_cost(own_redis_url: str) -> None:
    async def work(redis: Redis) -> None:
        clock, prefix = Clock(), uuid4().hex
        spent = [charge(0, 10), charge(1, identity="same")]
        await limiter(redis, clock, prefix, dry_run=True).charge(TOPIC, spent, 1)
        again = await limiter(redis, clock, prefix).charge(TOPIC, [charge(2, identity="same"), charge(3)], 1)
        assert outcomes(again) == "ad"

    on_redis(own_redis_url, work)


@pytest.mark.contract("B6", "B7")
def test_while_redis_is_away_a_dry_run_is_one_too() -> None:
    buckets, records = LocalBuckets(WINDOW_S, dry_run=True), batch()
    assert buckets.charge(ask("log", records), 0).letters == "cwcwwx"
    assert buckets.charge(ask("log", records), 0).letters == "fwfwwx"
