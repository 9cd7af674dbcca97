"""Rotation: a new key in the place of an old one, which lives on for a while or not at all."""

import re
from datetime import timedelta

import pytest

from infra.auth import KeyManager
from schemas.errors import InvalidRequest
from schemas.keys import ApiKey
from tests.infra.keys import BEGIN, Clock, DictStore

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def only(manager: KeyManager) -> ApiKey:
    [key] = manager.list_keys()
    return key


def rotated(manager: KeyManager, key_id: str, *grace: timedelta | str) -> tuple[str, ApiKey]:
    made = manager.rotate_key(key_id, *grace)
    assert made is not None
    api_key, key = made
    return api_key, key


@pytest.mark.contract("K6")
@pytest.mark.parametrize(
    ("grace", "length"), [((), DAY), (("90m",), timedelta(minutes=90)), ((timedelta(hours=2),), timedelta(hours=2))]
)
def test_both_are_valid_until_the_grace_ends_and_the_new_one_after_it(
    manager: KeyManager, clock: Clock, grace: tuple[timedelta | str, ...], length: timedelta
) -> None:
    old = manager.create_key(name="client")
    new, _ = rotated(manager, only(manager).key_id, *grace)
    clock.now += length
    assert manager.validate_key(old)
    assert manager.validate_key(new)
    clock.now += MICROSECOND
    assert manager.validate_key(old) is None
    assert manager.validate_key(new)


@pytest.mark.contract("K6")
def test_now_revokes_the_old_one_at_once(manager: KeyManager) -> None:
    old = manager.create_key(name="client")
    new, key = rotated(manager, only(manager).key_id, "now")
    assert manager.validate_key(old) is None
    assert manager.validate_key(new) == key
    assert [each.revoked_at for each in manager.list_keys()].count(BEGIN) == 1


def test_the_grace_prolongs_no_life(manager: KeyManager, clock: Clock) -> None:
    old = manager.create_key(name="client", expires_in_days=1)
    clock.now += timedelta(hours=23)
    rotated(manager, only(manager).key_id, "24h")
    clock.now = BEGIN + DAY + MICROSECOND
    assert manager.validate_key(old) is None


def test_the_new_one_is_as_the_old_one_was_and_begins_its_lifetime_anew(manager: KeyManager, clock: Clock) -> None:
    manager.create_key(
        "client", ["monitor", "predict"], 500, 30, burst=7, tier="premium", owner="shop", pooled=True, test=True
    )
    old = only(manager)
    clock.now += timedelta(days=10)
    api_key, new = rotated(manager, old.key_id)
    assert api_key.startswith("sk_test_")
    assert new.created_at == clock.now
    assert new.expires_at == clock.now + timedelta(days=30)
    changed = {"key_id", "key_hash", "sealed_signing_key", "created_at", "expires_at", "family"}
    assert new.model_dump(exclude=changed) == old.model_dump(exclude=changed)
    assert {new.key_id, new.key_hash, new.sealed_signing_key}.isdisjoint(
        {old.key_id, old.key_hash, old.sealed_signing_key}
    )


@pytest.mark.contract("B3")
def test_every_key_of_a_line_spends_from_the_first_ones_bucket(manager: KeyManager) -> None:
    manager.create_key(name="client")
    first = only(manager)
    _, second = rotated(manager, first.key_id)
    _, third = rotated(manager, second.key_id)
    assert {key.line for key in (first, second, third)} == {first.key_id}
    assert {key.bucket for key in (first, second, third)} == {first.key_id}


def test_who_was_rotated_names_its_successor_and_is_not_rotated_again(manager: KeyManager, store: DictStore) -> None:
    """An answer that got lost must not cost the caller the key that it told of, unseen."""
    manager.create_key(name="client")
    first = only(manager)
    _, second = rotated(manager, first.key_id)
    assert store.keys[first.key_id].rotated_to == second.key_id
    with pytest.raises(InvalidRequest, match=f"key_id: must not be rotated twice: rotate {second.key_id}"):
        manager.rotate_key(first.key_id)
    assert len(store.keys) == 2


@pytest.mark.parametrize("grace", ["", "24", "1w", "-1h", "1.5h", "NOW", "91d", "9999999d", None, 24, timedelta(-1)])
def test_a_grace_that_is_none_is_named(manager: KeyManager, store: DictStore, grace: timedelta | str) -> None:
    manager.create_key(name="client")
    with pytest.raises(InvalidRequest, match=re.escape("grace: must be `now`, or a time up to 90d as 30m, 24h or 7d")):
        manager.rotate_key(only(manager).key_id, grace)
    assert len(store.keys) == 1


def test_an_unknown_key_is_not_rotated(manager: KeyManager, store: DictStore) -> None:
    assert manager.rotate_key("unknown-id0") is None
    assert store.events == []


@pytest.mark.parametrize("ended", ["revoked", "expired"])
def test_an_ended_key_is_not_brought_back(manager: KeyManager, store: DictStore, clock: Clock, ended: str) -> None:
    manager.create_key(name="client", expires_in_days=1)
    key_id = only(manager).key_id
    if ended == "revoked":
        manager.revoke_key(key_id)
    else:
        clock.now += 2 * DAY
    for change in (manager.rotate_key, lambda each: manager.set_tier(each, "free")):
        with pytest.raises(InvalidRequest, match=f"key_id: must be of a key in force, this one is {ended}"):
            change(key_id)
    assert len(store.keys) == 1


@pytest.mark.contract("K2")
def test_a_new_keys_repr_does_not_show_it(manager: KeyManager) -> None:
    made = manager.new_key("client")
    assert made.api_key not in f"{made!r} {made}"
