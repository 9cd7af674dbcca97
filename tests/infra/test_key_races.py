"""The topic has many writers and no lock: what one of them undoes unknowingly is put right, and told."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.auth import KeyManager
from infra.kafka import client_options
from infra.key_store import Change, TopicKeyStore
from infra.key_table import KeyTable
from schemas.errors import Unavailable
from schemas.events import AuditEvent
from schemas.keys import ApiKey
from streams.settings import Settings
from tests.infra.keys import SEALER
from tests.kafka import make_topic, read_all


class Topics:
    """The two topics of one store."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap, self.keys, self.audit = bootstrap, f"{prefix}.api-keys", f"{prefix}.audit-events"
        self.options: dict[str, Any] = client_options(Settings(kafka_bootstrap_servers=bootstrap))
        make_topic(bootstrap, self.keys, 1)

    def store(self, timeout_s: float = 30) -> TopicKeyStore:
        return TopicKeyStore(self.options, self.keys, self.audit, timeout_s)

    def states(self) -> list[ApiKey]:
        return [ApiKey.model_validate_json(record.value() or b"") for record in read_all(self.bootstrap, self.keys)]

    def events(self) -> list[AuditEvent]:
        records = read_all(self.bootstrap, self.audit)
        events = [AuditEvent.model_validate_json(record.value() or b"") for record in records]
        assert [record.key() for record in records] == [event.actor.encode() for event in events]
        return events


class Overtaken:
    """A store whose reader is overtaken: between its reading and its writing another does something."""

    def __init__(self, real: TopicKeyStore, another: Callable[[], object]) -> None:
        self.get, self.all, self._real, self._another = real.get, real.all, real, another

    def put(self, changes: list[Change]) -> None:
        self._another()
        self._real.put(changes)


@pytest.fixture
def topics(bootstrap: str, unique: Callable[..., str]) -> Topics:
    topics = Topics(bootstrap, unique("keys"))
    make_topic(bootstrap, topics.audit, 1)
    return topics


@pytest.mark.contract("K6")
def test_who_writes_a_key_that_was_revoked_meanwhile_writes_the_revocation_too(topics: Topics) -> None:
    """Else the next compaction would bring the key back."""
    other = KeyManager(topics.store(), SEALER, actor="revoker")
    key = other.new_key("client").key
    overtaken = Overtaken(topics.store(), lambda: other.revoke_key(key.key_id))
    KeyManager(overtaken, SEALER, actor="limiter").set_tier(key.key_id, "free")  # type: ignore[arg-type]
    *_, revoked, limited, last = topics.states()
    assert (limited.tier, limited.revoked_at) == ("free", None)
    assert last == limited.revoked(revoked.revoked_at)  # type: ignore[arg-type]
    changed, repair = [event for event in topics.events() if event.actor == "limiter"]
    assert [(event.action, event.target) for event in (changed, repair)] == [
        ("key_tier_changed", key.key_id),
        ("key_revoked", key.key_id),
    ]
    assert (repair.before, repair.after) == (limited.digest(), last.digest())


@pytest.mark.contract("K6")
def test_who_writes_a_key_that_was_rotated_meanwhile_keeps_the_end_of_its_grace(topics: Topics) -> None:
    other = KeyManager(topics.store(), SEALER)
    key = other.new_key("client").key
    overtaken = Overtaken(topics.store(), lambda: other.rotate_key(key.key_id))
    KeyManager(overtaken, SEALER).set_tier(key.key_id, "free")  # type: ignore[arg-type]
    last = [state for state in topics.states() if state.key_id == key.key_id][-1]
    assert (last.tier, last.expires_at is None, last.rotated_to is None) == ("free", False, False)


def test_a_change_that_nobody_contests_is_one_record_and_one_event(topics: Topics) -> None:
    manager = KeyManager(topics.store(), SEALER)
    key = manager.new_key("client").key
    manager.set_tier(key.key_id, "free")
    manager.rotate_key(key.key_id)
    manager.revoke_key(key.key_id)
    states, events = topics.states(), topics.events()
    assert sorted((event.target, event.after) for event in events) == sorted(
        (key.key_id, key.digest()) for key in states
    )
    assert [event.action for event in events] == [
        "key_created",
        "key_tier_changed",
        "key_created",
        "key_rotated",
        "key_revoked",
    ]


@pytest.mark.real_broker
def test_without_its_event_no_change_is_made(bootstrap: str, unique: Callable[..., str]) -> None:
    topics = Topics(bootstrap, unique("keys"))
    with pytest.raises(Unavailable, match="audit-events"):
        KeyManager(topics.store(2), SEALER).new_key("client")
    assert topics.states() == []


def test_a_removed_key_that_is_made_anew_has_no_past(topics: Topics) -> None:
    key = KeyManager(topics.store(), SEALER).new_key("client").key
    table = KeyTable()
    for state in (key.revoked(key.created_at), None, key):
        assert table.update(key.key_id, None if state is None else state.model_dump_json().encode())
    assert table.keys == {key.key_id: key}
    assert table.lost_ends == set()
