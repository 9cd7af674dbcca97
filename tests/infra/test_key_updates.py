"""Two who change one key at the same time: each change stands, and what was written is not lost by a failed look."""

from collections.abc import Callable

import pytest

from infra.auth import KeyManager
from infra.key_store import TopicKeyStore
from infra.sealing import Sealer
from schemas.errors import Unavailable
from schemas.keys import ApiKey
from tests.infra.key_topics import Blinded, Overtaken, Topics
from tests.infra.keys import SEALER

NEXT = Sealer("the next master secret, no shorter than that", "a master secret of more than 32 characters")


def changed_meanwhile(
    topics: Topics, first: Callable[[str], object], later: Callable[[KeyManager, str], object]
) -> str:
    """A key that one changes between the reading and the writing of another."""
    key_id = KeyManager(topics.store(), SEALER).new_key("client").key.key_id
    later(KeyManager(Overtaken(topics.store(), lambda: first(key_id)), NEXT, actor="later"), key_id)
    return key_id


def limits(key: ApiKey) -> tuple[str, int, int | None]:
    return key.tier, key.rate_limit, key.burst


@pytest.fixture
def manager(topics: Topics) -> KeyManager:
    return KeyManager(topics.store(), SEALER, actor="first")


def test_who_reseals_a_key_that_got_another_tier_meanwhile_keeps_the_tier(topics: Topics, manager: KeyManager) -> None:
    key_id = changed_meanwhile(topics, lambda key_id: manager.set_tier(key_id, "free"), lambda keys, _: keys.reseal())
    *_, limited, sealed, last = topics.states(key_id)
    assert limits(last) == limits(limited) == ("free", 100, None)
    assert last.sealed_signing_key == sealed.sealed_signing_key
    assert NEXT.is_current(key_id, last.sealed_signing_key)
    repair = topics.events(key_id)[-1]
    assert (repair.actor, repair.action, repair.before, repair.after, repair.reason) == (
        "later", "key_tier_changed", sealed.digest(), last.digest(), "what was changed at the same time stands",
    )  # fmt: skip


def test_who_limits_a_key_that_was_resealed_meanwhile_keeps_the_seal(topics: Topics) -> None:
    resealing = KeyManager(topics.store(), NEXT, actor="first")
    key_id = changed_meanwhile(topics, lambda _: resealing.reseal(), lambda keys, key_id: keys.set_tier(key_id, "free"))
    last = topics.states(key_id)[-1]
    assert NEXT.is_current(key_id, last.sealed_signing_key)
    assert limits(last) == ("free", 100, None)
    assert topics.events(key_id)[-1].action == "key_resealed"


def test_of_two_limits_at_the_same_time_the_later_stands(topics: Topics, manager: KeyManager) -> None:
    key_id = changed_meanwhile(
        topics, lambda key_id: manager.set_tier(key_id, "free"), lambda keys, key_id: keys.set_tier(key_id, "premium")
    )
    assert limits(topics.states(key_id)[-1]) == ("premium", 10_000, None)
    assert len(topics.events(key_id)) == 3


def test_who_rotates_a_key_that_got_another_tier_meanwhile_passes_the_tier_on(
    topics: Topics, manager: KeyManager
) -> None:
    key_id = changed_meanwhile(
        topics, lambda key_id: manager.set_tier(key_id, "free"), lambda keys, key_id: keys.rotate_key(key_id)
    )
    old = topics.states(key_id)[-1]
    assert old.rotated_to is not None
    new = topics.states(old.rotated_to)[-1]
    assert limits(old) == limits(new) == ("free", 100, None)
    assert (old.expires_at is None, new.expires_at) == (False, None)


def test_who_limits_a_key_that_was_rotated_meanwhile_limits_its_successor_too(
    topics: Topics, manager: KeyManager
) -> None:
    """One bucket under two limits would have the one or the other, record by record."""
    key_id = changed_meanwhile(
        topics, lambda key_id: manager.rotate_key(key_id), lambda keys, key_id: keys.set_tier(key_id, "free")
    )
    assert {limits(key) for key in manager.list_keys()} == {("free", 100, None)}
    assert len(manager.list_keys()) == 2
    assert manager.get(key_id) != topics.states(key_id)[0]


@pytest.mark.parametrize("later", ["limits", "creates"])
def test_who_joins_a_pool_as_it_gets_other_limits_has_those(topics: Topics, manager: KeyManager, later: str) -> None:
    first = manager.new_key("first", owner="shop", pooled=True).key

    def limit(keys: KeyManager) -> object:
        return keys.set_tier(first.key_id, "free")

    def create(keys: KeyManager) -> object:
        return keys.new_key("second", owner="shop", pooled=True)

    earlier, overtaken = (create, limit) if later == "limits" else (limit, create)
    overtaken(KeyManager(Overtaken(topics.store(), lambda: earlier(manager)), SEALER))
    assert {key.name: limits(key) for key in manager.list_keys()} == {
        "first": ("free", 100, None), "second": ("free", 100, None),
    }  # fmt: skip


def test_a_rotation_that_cannot_be_looked_at_again_gives_the_key_all_the_same(
    topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    """Both records are on the topic: to lose the plain key would leave one that nobody has."""
    old = KeyManager(topics.store(), SEALER).new_key("client").key
    blinded = KeyManager(Blinded(topics.options, topics.keys, topics.audit), SEALER)
    made = blinded.rotate_key(old.key_id, "24h")
    assert made is not None
    assert KeyManager(topics.store(), SEALER).validate_key(made.api_key) == made.key
    assert "not looked at again" in caplog.text
    assert made.api_key not in caplog.text


def test_what_could_not_be_looked_at_again_is_put_right_by_the_next_change(topics: Topics, manager: KeyManager) -> None:
    key = manager.new_key("client").key
    blinded = Blinded(topics.options, topics.keys, topics.audit)
    KeyManager(Overtaken(blinded, lambda: manager.revoke_key(key.key_id)), SEALER).rotate_key(key.key_id)
    assert topics.states(key.key_id)[-1].revoked_at is None
    manager.new_key("another")
    last = topics.states(key.key_id)[-1]
    assert (last.revoked_at is None, last.rotated_to is None) == (False, False)


def test_what_cannot_be_written_is_an_error(topics: Topics) -> None:
    class Broken(TopicKeyStore):
        def _write(self, changes: object) -> None:
            raise Unavailable("kafka", "no answer")

    with pytest.raises(Unavailable, match="no answer"):
        KeyManager(Broken(topics.options, topics.keys, topics.audit), SEALER).new_key("client")
    assert topics.states() == []
