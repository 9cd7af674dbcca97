"""The first admin key is one, however many make it at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.auth import KeyManager
from infra.key_table import KeyTable
from infra.new_key import NewKey
from schemas.errors import InvalidRequest
from schemas.keys import ApiKey
from tests.infra.key_topics import Blinded, Overtaken, Topics
from tests.infra.keys import SEALER, Clock, DictStore


def in_force(manager: KeyManager) -> list[ApiKey]:
    return [key for key in manager.list_keys() if key.revoked_at is None]


@pytest.mark.real_broker
def test_who_is_overtaken_revokes_the_second_and_refuses(topics: Topics) -> None:
    """Whichever clock is ahead: what counts is which key lies first on the topic."""
    early = Clock()
    other = KeyManager(topics.store(), SEALER)
    made: list[NewKey] = []
    overtaken = Overtaken(topics.store(), lambda: made.append(other.bootstrap("first")))
    with pytest.raises(InvalidRequest) as refused:
        KeyManager(overtaken, SEALER, early).bootstrap("second")
    [first] = made
    assert str(refused.value).startswith(f"{first.key.key_id} (first) is an admin key in force")
    assert [key.name for key in in_force(other)] == ["first"]
    assert other.validate_key(first.api_key) == first.key
    *_, created, revoked = topics.events()
    assert [created.action, revoked.action, revoked.target] == ["key_created", "key_revoked", created.target]
    assert revoked.reason == f"{first.key.key_id} was made at the same time"


@pytest.mark.real_broker
def test_of_two_at_the_same_time_one_makes_a_key(topics: Topics) -> None:
    both_have_read = threading.Barrier(2, timeout=60)

    def bootstrapped(name: str) -> NewKey | None:
        try:
            return KeyManager(Overtaken(topics.store(), both_have_read.wait), SEALER).bootstrap(name)
        except InvalidRequest:
            return None

    with ThreadPoolExecutor(2) as pool:
        made = [key for key in pool.map(bootstrapped, ["one", "another"]) if key is not None]
    [key] = in_force(KeyManager(topics.store(), SEALER))
    assert [each.key.key_id for each in made] == [key.key_id]
    assert len(topics.events()) == 3


def test_a_key_that_is_changed_keeps_its_place_before_later_ones() -> None:
    store, table = DictStore(), KeyTable()
    first, later = [KeyManager(store, SEALER).new_key(name).key for name in ("first", "later")]
    for key in (first, later, first.revoked(first.created_at)):
        assert table.update(key.key_id, key.model_dump_json().encode())
    assert [key.name for key in table.keys.values()] == ["first", "later"]


def test_a_first_key_that_cannot_be_looked_at_again_is_given_all_the_same(
    topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    made = KeyManager(Blinded(topics.options, topics.keys, topics.audit), SEALER).bootstrap("first")
    assert KeyManager(topics.store(), SEALER).validate_key(made.api_key) == made.key
    assert "whether another was made at the same time is not known" in caplog.text
    assert made.api_key not in caplog.text
