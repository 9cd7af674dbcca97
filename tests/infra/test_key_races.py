"""The topic has many writers and no lock: what one of them undoes unknowingly is put right, and told."""

from collections.abc import Callable

import pytest

from infra.auth import KeyManager
from infra.key_table import KeyTable
from schemas.errors import Unavailable
from tests.infra.key_topics import Overtaken, Topics
from tests.infra.keys import SEALER


@pytest.mark.contract("K6")
def test_who_writes_a_key_that_was_revoked_meanwhile_writes_the_revocation_too(topics: Topics) -> None:
    """Else the next compaction would bring the key back."""
    other = KeyManager(topics.store(), SEALER, actor="revoker")
    key = other.new_key("client").key
    overtaken = Overtaken(topics.store(), lambda: other.revoke_key(key.key_id))
    KeyManager(overtaken, SEALER, actor="limiter").set_tier(key.key_id, "free")
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
    KeyManager(overtaken, SEALER).set_tier(key.key_id, "free")
    last = topics.states(key.key_id)[-1]
    assert (last.tier, last.expires_at is None, last.rotated_to is None) == ("free", False, False)


@pytest.mark.contract("K6")
@pytest.mark.parametrize("end", ["revoked", "rotated"])
def test_an_end_that_a_writer_undid_and_ended_is_set_again_with_the_next_change_of_any_key(
    topics: Topics, end: str
) -> None:
    manager = KeyManager(topics.store(), SEALER, actor="next")
    key = manager.new_key("client").key
    if end == "revoked":
        manager.revoke_key(key.key_id)
    else:
        manager.rotate_key(key.key_id)
    ended = topics.states(key.key_id)[-1]
    topics.append(key)
    other = manager.new_key("another").key
    assert topics.states(key.key_id)[-2:] == [key, ended]
    repair = topics.events(key.key_id)[-1]
    assert (repair.actor, repair.action, repair.before, repair.after) == (
        "next", f"key_{end}", key.digest(), ended.digest(),
    )  # fmt: skip
    assert repair.reason == "left without its end by a writer that did not look again"
    manager.revoke_key(other.key_id)
    assert topics.states(key.key_id)[-1] == ended
    assert len(topics.events(key.key_id)) == len(topics.states(key.key_id)) - 1


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
    assert not table.lost_ends
