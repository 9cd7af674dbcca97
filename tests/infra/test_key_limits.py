"""Tiers and limits of keys, alone and in their owner's pool."""

from datetime import timedelta
from typing import Any

import pytest

from infra.auth import KeyManager
from schemas.errors import InvalidRequest
from schemas.keys import ApiKey
from tests.infra.keys import Clock, DictStore


def pooled(manager: KeyManager, **arguments: Any) -> ApiKey:
    return manager.new_key("client", owner="shop", pooled=True, **arguments).key


def limits_of(key: ApiKey) -> tuple[int, int, str]:
    return key.rate_limit, key.capacity, key.tier


def test_pooled_keys_of_one_owner_share_a_bucket_and_others_do_not(manager: KeyManager) -> None:
    one, two = pooled(manager), pooled(manager)
    alone = manager.new_key("client", owner="shop").key
    other = manager.new_key("client", owner="bank", pooled=True).key
    assert one.bucket == two.bucket == "owner:shop"
    assert alone.bucket == alone.key_id
    assert other.bucket == "owner:bank"


def test_a_bucket_of_an_owner_is_never_that_of_a_key(manager: KeyManager) -> None:
    victim = manager.new_key("client").key
    assert manager.new_key("other", owner=victim.key_id, pooled=True).key.bucket != victim.bucket


def test_a_later_key_of_a_pool_takes_its_limits(manager: KeyManager) -> None:
    first = pooled(manager, rate_limit=500, burst=7, tier="premium")
    later = [pooled(manager), pooled(manager, rate_limit=500), pooled(manager, burst=7, tier="premium")]
    assert {limits_of(key) for key in later} == {limits_of(first)} == {(500, 7, "premium")}


@pytest.mark.parametrize(
    ("field", "other"), [("rate_limit", 501), ("burst", 8), ("tier", "free"), ("rate_limit", 0), ("tier", "gold")]
)
def test_another_limit_than_the_pools_is_refused_by_its_name(
    manager: KeyManager, store: DictStore, field: str, other: Any
) -> None:
    pooled(manager, rate_limit=500, burst=7)
    with pytest.raises(InvalidRequest, match=f"^{field}: must be") as caught:
        pooled(manager, **{field: other})
    assert [each.field for each in caught.value.fields] == [field]
    assert len(store.keys) == 1


def test_a_pool_without_a_key_in_force_begins_anew(manager: KeyManager, clock: Clock) -> None:
    manager.revoke_key(pooled(manager, rate_limit=500).key_id)
    pooled(manager, rate_limit=600, expires_in_days=1)
    clock.now += timedelta(days=2)
    assert pooled(manager, rate_limit=700).rate_limit == 700


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"pooled": True}, "owner"),
        ({"pooled": True, "owner": " "}, "owner"),
        ({"owner": "x" * 201}, "owner"),
        ({"owner": "a\nb"}, "owner"),
        ({"owner": 7}, "owner"),
        ({"owner": "shop", "pooled": "yes"}, "pooled"),
        ({"owner": "shop", "pooled": 1}, "pooled"),
        ({"test": "no"}, "test"),
        ({"tier": []}, "tier"),
        ({"permissions": [[]]}, "permissions"),
        ({"permissions": {"admin": 1}}, "permissions"),
        ({"expires_in_days": "7"}, "expires_in_days"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_a_wrong_term_is_named(manager: KeyManager, store: DictStore, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{field}: ") as caught:
        manager.new_key("client", **arguments)
    assert [each.field for each in caught.value.fields] == [field]
    assert store.keys == {}


def test_a_refusal_repeats_no_long_value(manager: KeyManager) -> None:
    for arguments in ({"permissions": ["x" * 10_000] * 100}, {"expires_in_days": "9" * 10_000}, {"tier": "x" * 10_000}):
        with pytest.raises(InvalidRequest) as caught:
            manager.new_key("client", **arguments)  # type: ignore[arg-type]
        assert len(str(caught.value)) < 4000


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"tier": "premium"}, (10_000, 1000, "premium")),
        ({"rate_limit": 50}, (50, 5, "free")),
        ({"burst": 3}, (100, 3, "free")),
        ({"tier": "premium", "rate_limit": 50, "burst": 2}, (50, 2, "premium")),
    ],
)
def test_limits_are_changed_by_tier_or_one_by_one(
    manager: KeyManager, asked: dict[str, Any], expected: tuple[int, int, str]
) -> None:
    key = manager.new_key("client", tier="free", burst=9).key
    [changed] = manager.set_tier(key.key_id, **asked)
    assert limits_of(changed) == expected
    assert manager.get(key.key_id) == changed
    assert changed.model_dump(exclude={"rate_limit", "burst", "tier"}) == key.model_dump(
        exclude={"rate_limit", "burst", "tier"}
    )


def test_all_that_share_a_bucket_change_together(manager: KeyManager, store: DictStore) -> None:
    """A bucket with two limits would have the one or the other, record by record."""
    pool = [pooled(manager) for _ in range(3)]
    manager.revoke_key(pool[2].key_id)
    first = manager.new_key("client").key
    rotated = manager.rotate_key(first.key_id)
    assert rotated is not None
    other = manager.new_key("client", owner="shop").key
    assert {key.key_id for key in manager.set_tier(pool[1].key_id, "free")} == {pool[0].key_id, pool[1].key_id}
    line = {first.key_id, rotated.key.key_id}
    assert {key.key_id for key in manager.set_tier(first.key_id, "enterprise")} == line
    tiers = {key_id: key.tier for key_id, key in store.keys.items()}
    assert {tiers[key_id] for key_id in line} == {"enterprise"}
    assert [tiers[key.key_id] for key in (*pool, other)] == ["free", "free", "basic", "basic"]


def test_limits_of_an_unknown_key_are_nobodys(manager: KeyManager) -> None:
    assert manager.set_tier("unknown-id0", "free") == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [({}, "tier"), ({"tier": "gold"}, "tier"), ({"rate_limit": -1}, "rate_limit"), ({"burst": 0}, "burst")],
)
def test_wrong_new_limits_are_named(manager: KeyManager, store: DictStore, asked: dict[str, Any], field: str) -> None:
    key = manager.new_key("client").key
    with pytest.raises(InvalidRequest, match=f"^{field}: must"):
        manager.set_tier(key.key_id, **asked)
    assert store.keys == {key.key_id: key}
