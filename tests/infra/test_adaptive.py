"""`AdaptiveRateLimiter`, as code outside of Weir calls it."""

import threading
import time
from uuid import uuid4

import pytest
from redis import Redis

from infra.local_buckets import LocalBuckets
from infra.rate_limit import AdaptiveRateLimiter
from schemas.errors import InvalidRequest
from schemas.keys import TIERS, new_api_key
from streams.settings import Settings
from tests.infra.charges import Clock, S
from tests.infra.outages import BUSY_S, Server, frozen

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def client_id() -> str:
    return f"client-{uuid4().hex[:8]}"


def limiter(url: str, **options: object) -> AdaptiveRateLimiter:
    settings = options.pop("settings", {})
    assert isinstance(settings, dict)
    given = Settings(redis_url=url, **settings)
    return AdaptiveRateLimiter(given, **{"timeout_s": 5, "clock_us": Clock(), **options})  # type: ignore[arg-type]


@pytest.mark.contract("B4")
def test_it_works_with_nothing_but_redis_url_in_the_environment(
    own_redis_url: str, client_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", own_redis_url)
    buckets = AdaptiveRateLimiter()
    allowed, info = buckets.is_allowed(client_id, tier="premium")
    assert allowed
    assert info.keys() == {"limit", "remaining", "reset", "retry_after"}
    assert (info["limit"], info["remaining"], info["retry_after"]) == (10_000, 999, 0)
    assert buckets.is_allowed(client_id=client_id)


@pytest.mark.contract("B4")
@pytest.mark.parametrize(("tier", "per_hour"), [*TIERS.items(), ("gold", 1000), ("", 1000)])
def test_a_tiers_bucket_holds_a_tenth_of_its_hourly_limit(
    own_redis_url: str, client_id: str, tier: str, per_hour: int
) -> None:
    buckets = limiter(own_redis_url)
    answers = [buckets.is_allowed(client_id, tier=tier) for _ in range(min(per_hour // 10, 100))]
    assert all(answers)
    assert answers[-1].info["remaining"] == per_hour // 10 - len(answers)
    assert answers[-1].info["limit"] == per_hour


@pytest.mark.contract("B4", "B5")
def test_who_is_refused_is_false_and_told_when_to_come_back(own_redis_url: str, client_id: str) -> None:
    clock = Clock()
    buckets = limiter(own_redis_url, clock_us=clock)
    answers = [buckets.is_allowed(client_id, tier="free") for _ in range(11)]
    assert [bool(answer) for answer in answers] == [True] * 10 + [False]
    allowed, info = answers[-1]
    assert (allowed, info) == (False, {"limit": 100, "remaining": 0, "reset": 1036, "retry_after": 36})
    clock.now_us += 36 * S
    assert buckets.is_allowed(client_id, tier="free")
    assert not buckets.is_allowed(client_id, tier="free")


@pytest.mark.contract("B3", "B4")
def test_another_tier_is_no_second_full_bucket(own_redis_url: str, client_id: str) -> None:
    buckets = limiter(own_redis_url)
    for _ in range(10):
        buckets.is_allowed(client_id, tier="free")
    assert not buckets.is_allowed(client_id, tier="enterprise")


@pytest.mark.contract("B3", "B4")
def test_processes_and_threads_share_a_clients_bucket(own_redis_url: str, client_id: str) -> None:
    allowed: list[bool] = []
    shared, other, clock = limiter(own_redis_url), limiter(own_redis_url), Clock()
    shared._clock_us = other._clock_us = clock

    def ask(buckets: AdaptiveRateLimiter) -> None:
        allowed.extend(bool(buckets.is_allowed(client_id)) for _ in range(40))

    threads = [threading.Thread(target=ask, args=[buckets]) for buckets in (shared, shared, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(allowed), sum(allowed)) == (120, 100)


def test_its_buckets_are_apart_from_the_keys_and_nothing_else_is_kept(own_redis_url: str, client_id: str) -> None:
    buckets = limiter(own_redis_url)
    for _ in range(200):
        buckets.is_allowed(client_id)
    with Redis.from_url(own_redis_url) as redis:
        mine = [name.decode() for name in redis.scan_iter(f"*{client_id}*")]
        assert mine == [f"weir:adaptive:bucket:{client_id}"]
        assert redis.ttl(mine[0]) >= 360
        assert not list(redis.scan_iter("weir:adaptive:seen:*"))


@pytest.mark.contract("K2")
def test_a_client_that_is_named_by_its_key_has_a_bucket_and_redis_no_key(own_redis_url: str) -> None:
    buckets, api_key = limiter(own_redis_url), new_api_key()
    assert [buckets.is_allowed(api_key, tier="free").info["remaining"] for _ in range(2)] == [9, 8]
    assert buckets.is_allowed(new_api_key(), tier="free").info["remaining"] == 9
    with Redis.from_url(own_redis_url) as redis:
        assert not list(redis.scan_iter(f"*{api_key[8:]}*"))


@pytest.mark.contract("B4", "B6")
def test_without_redis_it_decides_by_its_share_and_says_so() -> None:
    absent = limiter(NOBODY, share=0.5)
    answers = [absent.is_allowed("anyone", tier="free") for _ in range(6)]
    assert [bool(answer) for answer in answers] == [True] * 5 + [False]
    assert absent.degraded
    assert answers[0].info["limit"] == 100


@pytest.mark.contract("B6")
def test_redis_killed_and_back_is_used_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.breaker.REOPEN_S", 0.0)
    buckets = limiter(f"redis://127.0.0.1:{server.port}/0")
    assert buckets.is_allowed("c").info["remaining"] == 99
    assert not buckets.degraded
    server.stop()
    assert buckets.is_allowed("c")
    assert buckets.degraded
    server.start()
    assert buckets.is_allowed("c")
    assert not buckets.degraded


@pytest.mark.contract("B6")
def test_a_redis_that_stands_still_costs_its_timeout_once_and_is_then_left_alone(server: Server) -> None:
    buckets = limiter(f"redis://127.0.0.1:{server.port}/0", timeout_s=0.2)
    buckets.is_allowed("c")
    with frozen(server):
        began = time.monotonic()
        assert buckets.is_allowed("c")
        once_s = time.monotonic() - began
        assert buckets.is_allowed("c")
        assert time.monotonic() - began - once_s < 0.1
    assert buckets.degraded
    assert 0.2 <= once_s < 0.2 + BUSY_S


@pytest.mark.contract("B6")
def test_the_first_call_which_connects_and_loads_the_script_has_more_time(server: Server) -> None:
    buckets = limiter(url := f"redis://127.0.0.1:{server.port}/0", timeout_s=0.05)
    with Redis.from_url(url) as redis:
        for degraded in (False, True):
            redis.execute_command("CLIENT", "PAUSE", "400")
            assert buckets.is_allowed("c")
            assert buckets.degraded is degraded


@pytest.mark.contract("B6")
def test_a_connection_that_ended_is_no_outage(server: Server) -> None:
    buckets = limiter(url := f"redis://127.0.0.1:{server.port}/0")
    buckets.is_allowed("c")
    with Redis.from_url(url) as redis:
        redis.client_kill_filter(_type="normal", skipme=True)
    assert buckets.is_allowed("c").info["remaining"] == 98
    assert not buckets.degraded


def test_an_outage_with_many_clients_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local_buckets.BUCKETS", 1000)
    clock = Clock()
    buckets = limiter(NOBODY, clock_us=clock)
    local: LocalBuckets = buckets._local
    for number in range(1001):
        buckets.is_allowed(f"client {number}")
        clock.now_us += S
    assert len(local._levels) <= 4


def test_limits_switched_off_or_tried_out_allow_everything(own_redis_url: str, client_id: str) -> None:
    for off in ({"rate_limit_enabled": False}, {"rate_limit_dry_run": True}):
        buckets = limiter(own_redis_url, settings=off)
        assert all(buckets.is_allowed(client_id, tier="free") for _ in range(30))


@pytest.mark.parametrize("wrong", ["", "a\nb", "x" * 201, None, 7])
def test_what_is_no_client_id_is_refused_by_its_name(wrong: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^client_id: must be 1 to 200 printable characters, not") as refused:
        limiter(NOBODY).is_allowed(wrong)
    assert [field.field for field in refused.value.fields] == ["client_id"]
