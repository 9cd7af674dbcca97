"""Each change of a key is one audit event: who, what, and the key's digests before and after."""

import hashlib
import json

from infra.auth import KeyManager
from infra.sealing import Sealer
from schemas.events import AuditEvent
from schemas.keys import ApiKey
from tests.infra.keys import BEGIN, SEALER, DictStore


def digest(key: ApiKey) -> str:
    """As a stranger makes it, from what is written in docs/operating.md."""
    public = json.loads(key.model_dump_json(exclude={"key_hash", "sealed_signing_key"}))
    public["permissions"].sort()
    return hashlib.sha256(json.dumps(public, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def said(event: AuditEvent) -> tuple[str, str, str | None, str | None]:
    return event.action, event.target, event.before, event.after


def test_every_change_has_one_event_with_both_digests(manager: KeyManager, store: DictStore) -> None:
    first = manager.new_key("client", permissions=["predict", "admin", "monitor"]).key
    [limited] = manager.set_tier(first.key_id, "free")
    made = manager.rotate_key(first.key_id)
    assert made is not None
    _, second = made
    ended = store.keys[first.key_id]
    manager.revoke_key(second.key_id)
    revoked = store.keys[second.key_id]
    assert [said(event) for event in store.events] == [
        ("key_created", first.key_id, None, digest(first)),
        ("key_tier_changed", first.key_id, digest(first), digest(limited)),
        ("key_created", second.key_id, None, digest(second)),
        ("key_rotated", first.key_id, digest(limited), digest(ended)),
        ("key_revoked", second.key_id, digest(second), digest(revoked)),
    ]
    assert {event.at for event in store.events} == {BEGIN}
    assert len({event.event_id for event in store.events}) == 5
    assert {event.event_id[14] for event in store.events} == {"7"}


def test_what_changes_nothing_is_no_event(manager: KeyManager, store: DictStore) -> None:
    manager.revoke_key("unknown-id0")
    manager.validate_key("sk_live_" + "A" * 43)
    manager.list_keys()
    assert store.events == []


def test_the_actor_is_the_machines_user_or_whom_one_acts_for(manager: KeyManager, store: DictStore) -> None:
    manager.new_key("client")
    manager.acting("AdminKeyId0").new_key("client")
    manager.new_key("client", reason="a third one")
    actors = [event.actor for event in store.events]
    assert actors[0] == actors[2]
    assert actors[0].startswith("cli:")
    assert len(actors[0]) > len("cli:")
    assert actors[1] == "AdminKeyId0"
    assert [event.reason for event in store.events] == [None, None, "a third one"]


def test_resealing_changes_nothing_that_is_public(store: DictStore) -> None:
    KeyManager(store, SEALER).new_key("client")
    KeyManager(store, Sealer("n" * 32, "a master secret of more than 32 characters")).reseal()
    _, event = store.events
    assert event.action == "key_resealed"
    assert event.before == event.after
