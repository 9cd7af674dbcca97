"""What changes of keys have undone unknowingly, seen in the topic's records, and how it is put back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from infra.key_table import KeyTable
from schemas.events import AuditEvent, KeyAction, key_changed
from schemas.keys import ApiKey

CONTESTED = "what was changed at the same time stands"
LEFT = "left without its end by a writer that did not look again"

SET_BY: dict[str, KeyAction] = {
    "revoked_at": "key_revoked",
    "rotated_to": "key_rotated",
    "expires_at": "key_rotated",
    "sealed_signing_key": "key_resealed",
    "rate_limit": "key_tier_changed",
    "burst": "key_tier_changed",
    "tier": "key_tier_changed",
}
"""Whatever of a key can change, and by what."""
NO_ENDS = ("sealed_signing_key", "rate_limit", "burst", "tier")
"""What may be set anew; of ends the table knows that they stand."""

Record = tuple[str, bytes | None]
"""A key's id, and its state as JSON or None."""


class Change(NamedTuple):
    """A key as it is from now on, the event that says so, and the state that it was made from, if from any.

    A rotated key's successor is made from that key, one that joins a pool from a key of the pool.
    """

    key: ApiKey
    event: AuditEvent
    base: ApiKey | None = None


def repairs(changes: Sequence[Change], records: Iterable[Record]) -> list[Change]:
    """What puts right what these changes, which are on the topic, undid, or a writer that ended before it looked.

    An end that was set stands, whoever undid it. So does what another set after a change's base was read, unless the
    change itself sets it.
    """
    made = {change.key.key_id: change for change in changes}
    table, overwritten = _read(made, records)
    found = []
    for key_id in sorted(table.keys.keys() & (overwritten.keys() | table.lost_ends.keys())):
        known = table.keys[key_id]
        whole = _put_back(made[key_id].base, overwritten[key_id], known) if key_id in overwritten else known
        if whole != table.lost_ends.get(key_id, known):
            by, reason = (made[key_id], CONTESTED) if key_id in made else (changes[0], LEFT)
            event = _told(table.lost_ends.get(key_id, known), whole, by.event, reason)
            found.append(Change(whole, event, known))
    return found


def _read(made: Mapping[str, Change], records: Iterable[Record]) -> tuple[KeyTable, dict[str, ApiKey]]:
    """The keys, and for each key that was made from a state, what that had become when it was written."""
    table, overwritten = KeyTable(), dict[str, ApiKey]()
    values = {key_id: change.key.model_dump_json().encode() for key_id, change in made.items()}
    for key_id, value in records:
        base = made[key_id].base if key_id in made and value == values[key_id] else None
        if base is not None and base.key_id in table.keys:
            overwritten[key_id] = table.keys[base.key_id]
        table.update(key_id, value)
    return table, overwritten


def _put_back(base: ApiKey | None, overwritten: ApiKey, known: ApiKey) -> ApiKey:
    """The known state with what differs from the base in the overwritten one and is in the known one as in the base."""
    undone = {
        name: getattr(overwritten, name)
        for name in NO_ENDS
        if getattr(overwritten, name) != getattr(base, name) == getattr(known, name)
    }
    return known.model_copy(update=undone)


def _told(written: ApiKey, whole: ApiKey, by: AuditEvent, reason: str) -> AuditEvent:
    action = next(action for name, action in SET_BY.items() if getattr(written, name) != getattr(whole, name))
    return key_changed(action, written, whole, actor=by.actor, at=by.at, reason=reason)
