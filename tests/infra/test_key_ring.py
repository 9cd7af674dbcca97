"""The keys as scorers and gateways hold them."""

import pytest

from infra.auth import KeyManager, SealedKeyRing
from infra.sealing import Sealer
from schemas.errors import BadSettings
from schemas.keys import ApiKey
from schemas.signing import signing_key
from tests.infra.keys import BEGIN, SEALER, Clock, DictStore


@pytest.fixture
def ring() -> SealedKeyRing:
    return SealedKeyRing(SEALER)


def record(key: ApiKey) -> tuple[str, bytes]:
    return key.key_id, key.model_dump_json().encode()


def test_a_ring_finds_a_key_by_id_and_by_its_plain_text(
    manager: KeyManager, store: DictStore, ring: SealedKeyRing
) -> None:
    api_key = manager.create_key(name="client")
    (key,) = store.all()
    ring.update(*record(key))
    credential = ring.by_id(key.key_id)
    assert credential is not None
    assert (credential.key, credential.signing_key) == (key, signing_key(api_key))
    assert ring.by_api_key(api_key) == credential
    assert ring.by_id("unknown-id0") is None
    assert ring.by_api_key("sk_live_" + "A" * 43) is None


@pytest.mark.contract("K6")
def test_a_ring_follows_revocation_and_removal(
    manager: KeyManager, store: DictStore, ring: SealedKeyRing, clock: Clock
) -> None:
    api_key = manager.create_key(name="client")
    (key,) = store.all()
    ring.update(*record(key))
    assert ring.by_id(key.key_id)
    ring.update(*record(key.revoked(BEGIN)))
    credential = ring.by_api_key(api_key)
    assert credential is not None
    assert not credential.key.is_valid_at(clock())
    ring.update(key.key_id, None)
    assert ring.by_id(key.key_id) is None
    assert ring.by_api_key(api_key) is None
    ring.update("never-there", None)


@pytest.mark.contract("K6")
def test_a_revocation_stands_whoever_writes_the_key_without_knowing_of_it(
    manager: KeyManager, store: DictStore, ring: SealedKeyRing
) -> None:
    api_key = manager.create_key(name="client")
    (key,) = store.all()
    for state in (key, key.revoked(BEGIN), key.model_copy(update={"tier": "free"})):
        ring.update(*record(state))
    credential = ring.by_api_key(api_key)
    assert credential is not None
    assert (credential.key.revoked_at, credential.key.tier) == (BEGIN, "free")


def test_a_ring_knows_which_keys_are_of_one_line(manager: KeyManager, store: DictStore, ring: SealedKeyRing) -> None:
    first = manager.new_key("client").key
    manager.rotate_key(first.key_id)
    for key in store.all():
        ring.update(*record(key))
    assert {ring.line(key.key_id) for key in store.all()} == {first.key_id}
    assert ring.line("unknown-id0") == "unknown-id0"


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"key_id": "secret-ish!"}'])
def test_a_record_that_is_no_key_is_ignored_with_a_warning(
    ring: SealedKeyRing, manager: KeyManager, store: DictStore, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    manager.create_key(name="client")
    (key,) = store.all()
    ring.update(*record(key))
    ring.update(key.key_id, value)
    assert ring.by_id(key.key_id)
    assert "is ignored" in caplog.text
    assert "secret-ish" not in caplog.text


def test_a_key_under_anothers_id_is_ignored(ring: SealedKeyRing, manager: KeyManager, store: DictStore) -> None:
    manager.create_key(name="client")
    (key,) = store.all()
    ring.update("another-id0", record(key)[1])
    assert ring.by_id("another-id0") is None
    assert ring.by_id(key.key_id) is None


@pytest.mark.contract("K8")
def test_a_signing_key_sealed_for_another_id_opens_for_nobody(
    ring: SealedKeyRing, manager: KeyManager, store: DictStore
) -> None:
    for name in ("mine", "theirs"):
        manager.create_key(name=name)
    mine, theirs = store.all()
    ring.update(*record(theirs.model_copy(update={"sealed_signing_key": mine.sealed_signing_key})))
    assert ring.by_id(theirs.key_id) is None


@pytest.mark.contract("K8")
def test_under_another_master_secret_no_key_opens_and_check_says_so(manager: KeyManager, store: DictStore) -> None:
    manager.create_key(name="client")
    (key,) = store.all()
    other = SealedKeyRing(Sealer("another master secret of 32 characters"))
    other.check()
    other.update(*record(key))
    assert other.by_id(key.key_id) is None
    with pytest.raises(BadSettings, match="WEIR_MASTER_SECRET"):
        other.check()


def test_a_ring_takes_plain_keys_only_where_told_to_and_warns_once_of_each(
    manager: KeyManager, store: DictStore, caplog: pytest.LogCaptureFixture
) -> None:
    api_key = manager.create_key(name="client")
    (key,) = store.all()
    strict, lenient = SealedKeyRing(SEALER), SealedKeyRing(SEALER, allow_plain=True)
    for ring in (strict, lenient):
        ring.update(*record(key))
    assert (strict.allows_plain, lenient.allows_plain) == (False, True)
    assert strict.by_plain_key(api_key) is None
    found = [lenient.by_plain_key(api_key) for _ in range(2)]
    assert [one and one.key for one in found] == [key, key]
    assert lenient.by_plain_key("sk_live_" + "A" * 43) is None
    assert [entry.message for entry in caplog.records if key.key_id in entry.message] == [
        f"records of {key.key_id} bring the key itself: let their producer sign them"
    ]
    assert api_key not in caplog.text
