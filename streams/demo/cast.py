"""The demo's keys: one that may ask a lot, one that soon has asked enough, one that is revoked."""

from dataclasses import dataclass, field

from infra.auth import KeyManager

MARK = "weir demo"
"""Begins the names of the demo's keys, so that a later demo finds what a killed one left."""
SMALL_LIMIT, SMALL_BURST = 10, 5


@dataclass(frozen=True, slots=True)
class DemoKey:
    """A key and its id. The key is printed to the terminal only."""

    key_id: str
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cast:
    """The demo's senders, by what their key may."""

    generous: DemoKey
    small: DemoKey
    revoked: DemoKey


def make_cast(manager: KeyManager) -> Cast:
    """New keys; what an earlier demo left is revoked.

    The generous key comes last: who knows it knows the others, as they lie on one partition.
    """
    retire(manager)
    revoked = _create(manager, "revoked")
    manager.revoke_key(revoked.key_id)
    small = _create(manager, "small", rate_limit=SMALL_LIMIT, burst=SMALL_BURST)
    return Cast(_create(manager, "generous", rate_limit=1_000_000, burst=100_000), small, revoked)


def _create(manager: KeyManager, name: str, rate_limit: int | None = None, burst: int | None = None) -> DemoKey:
    api_key = manager.create_key(f"{MARK}: {name}", rate_limit=rate_limit, burst=burst)
    key = manager.validate_key(api_key)
    assert key is not None
    return DemoKey(key.key_id, api_key)


def retire(manager: KeyManager) -> None:
    """Revoke every key of a demo."""
    for key in manager.list_keys():
        if key.name.startswith(MARK) and key.revoked_at is None:
            manager.revoke_key(key.key_id)
