"""Keys over a store in memory; test_key_topic.py has the real topic, test_key_ring.py those who verify."""

import re
from datetime import timedelta
from typing import Any

import pytest

from infra.auth import KeyManager, SealedKeyRing
from schemas.errors import InvalidRequest
from schemas.keys import ApiKey, hash_api_key
from schemas.signing import signing_key
from tests.infra.keys import BEGIN, SEALER, Clock, DictStore


def created(manager: KeyManager, **arguments: Any) -> ApiKey:
    key = manager.validate_key(manager.create_key(**{"name": "client", **arguments}))
    assert key is not None
    return key


@pytest.mark.contract("K1")
def test_a_key_has_its_form_and_only_its_hash_is_kept(manager: KeyManager, store: DictStore) -> None:
    api_key = manager.create_key(name="client")
    assert re.fullmatch(r"sk_live_[A-Za-z0-9_-]{43}", api_key)
    (key,) = store.all()
    assert re.fullmatch(r"[A-Za-z0-9_-]{11}", key.key_id)
    assert key.key_hash == hash_api_key(api_key)
    assert manager.create_key(name="test", test=True).startswith("sk_test_")


@pytest.mark.contract("K1")
def test_the_hash_is_the_contracts() -> None:
    expected = "5647bdab3eff6c5d42956a5199554c4a9b22c23748447c87729bd3f0adc62d22"
    assert hash_api_key("sk_live_" + "A" * 43) == expected


@pytest.mark.contract("K2")
def test_the_plain_key_stands_nowhere(manager: KeyManager, store: DictStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    api_key = manager.create_key(name="client")
    (key,) = manager.list_keys()
    ring = SealedKeyRing(SEALER)
    ring.update(key.key_id, key.model_dump_json().encode())
    seen = [key, manager, store.keys, ring, vars(ring), SEALER, ring.by_id(key.key_id), manager.validate_key(api_key)]
    manager.revoke_key(key.key_id)
    text = " ".join([*map(repr, seen), key.model_dump_json(), caplog.text])
    assert api_key not in text
    assert api_key.removeprefix("sk_live_") not in text
    assert repr(signing_key(api_key)) not in text
    assert signing_key(api_key).hex() not in text


@pytest.mark.contract("K3")
def test_the_defaults_are_predict_a_thousand_an_hour_for_ever(manager: KeyManager, clock: Clock) -> None:
    api_key = manager.create_key(name="client")
    clock.now += timedelta(days=100 * 365)
    key = manager.validate_key(api_key)
    assert key is not None
    assert (key.permissions, key.rate_limit, key.capacity, key.expires_at) == ({"predict"}, 1000, 100, None)


@pytest.mark.contract("K3")
def test_it_is_valid_at_the_expiry_instant_and_not_a_microsecond_later(manager: KeyManager, clock: Clock) -> None:
    api_key = manager.create_key(name="client", expires_in_days=365)
    clock.now = BEGIN + timedelta(seconds=365 * 86_400)
    assert manager.validate_key(api_key)
    clock.now += timedelta(microseconds=1)
    assert manager.validate_key(api_key) is None


@pytest.mark.contract("K3")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "name: must be 1 to 200"),
        ({"name": "  "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": None}, "name"),
        ({"permissions": ["predict", "root"]}, "permissions: unknown root; known are predict, monitor, admin"),
        ({"permissions": []}, "permissions"),
        ({"permissions": "predict"}, "permissions"),
        ({"expires_in_days": 0}, "expires_in_days: 0"),
        ({"expires_in_days": -1}, "expires_in_days: -1"),
        ({"expires_in_days": 1.5}, "expires_in_days"),
        ({"expires_in_days": 10**9}, "expires_in_days"),
        ({"rate_limit": 0}, "rate_limit: must be a whole number of tokens from 1"),
        ({"rate_limit": -5}, "rate_limit"),
        ({"rate_limit": 10**9}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"burst": 0}, "burst"),
        ({"tier": "gold"}, "tier: must be one of free, basic, premium, enterprise"),
    ],
)
def test_a_wrong_argument_is_named_and_no_key_made(
    manager: KeyManager, store: DictStore, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(message)):
        manager.create_key(**{"name": "client", **arguments})
    assert store.keys == {}


@pytest.mark.contract("B4")
@pytest.mark.parametrize(
    ("arguments", "per_hour", "capacity"),
    [
        ({"tier": "free"}, 100, 10),
        ({"tier": "basic"}, 1000, 100),
        ({"tier": "premium"}, 10_000, 1000),
        ({"tier": "enterprise"}, 100_000, 10_000),
        ({"tier": "enterprise", "rate_limit": 50}, 50, 5),
        ({"rate_limit": 5}, 5, 1),
        ({"rate_limit": 5000, "burst": 7}, 5000, 7),
        ({"burst": 7}, 1000, 7),
    ],
)
def test_a_tier_sets_the_limit_unless_one_is_given(
    manager: KeyManager, arguments: dict[str, Any], per_hour: int, capacity: int
) -> None:
    key = created(manager, **arguments)
    assert (key.rate_limit, key.capacity) == (per_hour, capacity)


@pytest.mark.contract("K4")
@pytest.mark.parametrize("api_key", ["", "sk_live_short", "sk_live_" + "A" * 43, "x" * 10_000, "sk_live_é"])
def test_what_is_no_known_key_is_nobodys(manager: KeyManager, api_key: str) -> None:
    manager.create_key(name="client")
    assert manager.validate_key(api_key) is None


@pytest.mark.contract("K6")
def test_revoking_is_true_once_and_final(manager: KeyManager, clock: Clock) -> None:
    api_key = manager.create_key(name="client")
    (key,) = manager.list_keys()
    assert manager.revoke_key("abc123") is False
    assert manager.revoke_key(key.key_id) is True
    assert manager.revoke_key(key.key_id) is False
    assert manager.validate_key(api_key) is None
    clock.now += timedelta(days=1)
    assert manager.validate_key(api_key) is None


def test_keys_are_listed_oldest_first(manager: KeyManager, clock: Clock) -> None:
    for name in ("first", "second", "third"):
        manager.create_key(name=name)
        clock.now += timedelta(seconds=1)
    assert [key.name for key in manager.list_keys()] == ["first", "second", "third"]
    assert [manager.get(key.key_id) for key in manager.list_keys()] == manager.list_keys()
