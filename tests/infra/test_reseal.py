"""Rotation of the master secret: what opens, what is sealed anew, what is left alone."""

from collections.abc import Sequence

import pytest

from infra import reseal as module
from infra.auth import KeyManager, SealedKeyRing
from infra.key_repairs import Change
from infra.sealing import Sealer
from schemas.errors import BadSettings, Unavailable
from schemas.signing import signing_key
from tests.infra.keys import BEGIN, DictStore

OLD, NEW, LOST = ("old-secret-" * 4, "new-secret-" * 4, "lost-secret-" * 4)


def manager(store: DictStore, *secrets: str) -> KeyManager:
    return KeyManager(store, Sealer(*secrets))


def ring(store: DictStore, *secrets: str) -> SealedKeyRing:
    keys = SealedKeyRing(Sealer(*secrets))
    for key in store.all():
        keys.update(key.key_id, key.model_dump_json().encode())
    return keys


@pytest.mark.contract("K8")
def test_with_the_previous_secret_at_hand_keys_of_both_open(store: DictStore) -> None:
    made = [manager(store, OLD).create_key("old"), manager(store, NEW, OLD).create_key("new")]
    for api_key in made:
        credential = ring(store, NEW, OLD).by_api_key(api_key)
        assert credential is not None
        assert credential.signing_key == signing_key(api_key)
    assert [ring(store, NEW).by_api_key(api_key) is not None for api_key in made] == [False, True]


@pytest.mark.contract("K8")
def test_after_resealing_the_new_secret_opens_all_of_them_and_the_old_one_none(store: DictStore) -> None:
    made = [manager(store, OLD).create_key(f"key {number}") for number in range(3)]
    manager(store, OLD).revoke_key(next(iter(store.keys)))
    before = dict(store.keys)
    sealed = manager(store, NEW, OLD).reseal()
    assert (sealed.done, sealed.unopened) == (3, [])
    for api_key in made:
        credential = ring(store, NEW).by_api_key(api_key)
        assert credential is not None
        assert credential.signing_key == signing_key(api_key)
        assert ring(store, OLD).by_api_key(api_key) is None
    for key_id, key in store.keys.items():
        assert key.model_copy(update={"sealed_signing_key": before[key_id].sealed_signing_key}) == before[key_id]


def test_a_second_time_there_is_nothing_to_do(store: DictStore) -> None:
    manager(store, OLD).create_key("client")
    assert manager(store, NEW, OLD).reseal().done == 1
    keys, events = dict(store.keys), len(store.events)
    for secrets in ((NEW, OLD), (NEW,)):
        assert manager(store, *secrets).reseal().done == 0
    assert (store.keys, len(store.events)) == (keys, events)


def test_what_neither_secret_opens_is_told_and_left_alone(store: DictStore) -> None:
    lost = manager(store, LOST).new_key("lost").key
    manager(store, OLD).create_key("client")
    sealed = manager(store, NEW, OLD).reseal()
    assert sealed.done == 1
    assert sealed.unopened == [lost]
    assert store.keys[lost.key_id] == lost


def test_it_goes_part_by_part_and_says_how_far_it_is(store: DictStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    for number in range(5):
        manager(store, OLD).create_key(f"key {number}")
    steps: list[tuple[int, int]] = []
    manager(store, NEW, OLD).reseal(lambda done, total: steps.append((done, total)))
    assert steps == [(0, 5), (2, 5), (4, 5), (5, 5)]


class Dying(DictStore):
    """Takes so many parts, then no more."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts

    def put(self, changes: Sequence[Change]) -> None:
        if self.parts == 0:
            raise Unavailable("kafka", "gone")
        self.parts -= 1
        super().put(changes)


def test_what_dies_between_two_parts_is_finished_by_running_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    store, dying = DictStore(), Dying(1)
    made = [manager(store, OLD).create_key(f"key {number}") for number in range(5)]
    dying.keys = store.keys
    with pytest.raises(Unavailable):
        manager(dying, NEW, OLD).reseal()
    assert [ring(store, NEW).by_api_key(api_key) is not None for api_key in made].count(True) == 2
    assert all(ring(store, NEW, OLD).by_api_key(api_key) for api_key in made)
    dying.parts = 9
    assert manager(dying, NEW, OLD).reseal().done == 3
    assert all(ring(store, NEW).by_api_key(api_key) for api_key in made)
    assert sorted(event.target for event in dying.events) == sorted(store.keys)


class Contested(DictStore):
    """Whenever a key is written, somebody revokes another."""

    def put(self, changes: Sequence[Change]) -> None:
        super().put(changes)
        written = {change.key.key_id for change in changes}
        for key_id in self.keys.keys() - written:
            self.keys[key_id] = self.keys[key_id].revoked(BEGIN)


def test_a_key_that_is_revoked_meanwhile_stays_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)
    store, contested = DictStore(), Contested()
    for number in range(2):
        manager(store, OLD).create_key(f"key {number}")
    contested.keys = store.keys
    assert manager(contested, NEW, OLD).reseal().done == 2
    assert [key.revoked_at for key in contested.keys.values()] == [BEGIN, BEGIN]


def test_a_short_previous_secret_is_refused_by_its_name() -> None:
    with pytest.raises(BadSettings, match="WEIR_MASTER_SECRET_PREVIOUS needs 32 characters"):
        Sealer(NEW, "short")
