"""Where API keys lie: the compacted topic `api-keys`, key id -> key as JSON; `audit-events` has every change."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from infra.compacted import read_records
from infra.kafka import publish
from infra.key_table import KeyTable
from schemas.events import AuditEvent, key_changed
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.keys import ApiKey
from schemas.message import Headers

HEADERS: Headers = [(SCHEMA_VERSION, CURRENT_SCHEMA)]


class Change(NamedTuple):
    """A key as it is from now on, and the event that says so."""

    key: ApiKey
    event: AuditEvent


class KeyStore(Protocol):
    """The keys, whichever way they are kept. Each call raises Unavailable while they cannot be reached."""

    def get(self, key_id: str) -> ApiKey | None: ...

    def all(self) -> Sequence[ApiKey]: ...

    def put(self, changes: Sequence[Change]) -> None:
        """Keep these states. None is kept whose event is not. Raises Unavailable: each may then be kept or not."""
        ...


class TopicKeyStore:
    """The keys on the compacted topic; every call reads it whole: for administration, not per request.

    options: of a confluent-kafka client. timeout_s: for each read and each write.
    """

    def __init__(self, options: Mapping[str, Any], topic: str, audit_topic: str, timeout_s: float = 10.0) -> None:
        self._options = options
        self._topic = topic
        self._audit_topic = audit_topic
        self._timeout_s = timeout_s

    def get(self, key_id: str) -> ApiKey | None:
        return self._read().keys.get(key_id)

    def all(self) -> Sequence[ApiKey]:
        return list(self._read().keys.values())

    def put(self, changes: Sequence[Change]) -> None:
        while changes:
            events = [(c.event.actor.encode(), c.event.model_dump_json().encode(), HEADERS) for c in changes]
            keys = [(c.key.key_id.encode(), c.key.model_dump_json().encode(), HEADERS) for c in changes]
            publish(self._options, self._audit_topic, events, self._timeout_s)
            publish(self._options, self._topic, keys, self._timeout_s)
            changes = self._repairs(changes)

    def _repairs(self, changes: Sequence[Change]) -> list[Change]:
        """Of these changes, those that overwrote an end which another writer had set meanwhile, with that end.

        Readers keep it, but a compaction would forget it.
        """
        written = {c.key.key_id: c for c in changes if c.event.before is not None and c.key.revoked_at is None}
        table = self._read() if written else KeyTable()
        return [_repaired(written[key_id], table.keys[key_id]) for key_id in sorted(written.keys() & table.lost_ends)]

    def _read(self) -> KeyTable:
        table = KeyTable()

        def apply(key_id: bytes, value: bytes | None) -> None:
            table.update(key_id.decode("utf-8", "replace"), value)

        read_records(self._options, self._topic, apply, self._timeout_s)
        return table


def _repaired(change: Change, key: ApiKey) -> Change:
    made, reason = change.event, "an end that was set at the same time stands"
    action = made.action if key.revoked_at is None else "key_revoked"
    return Change(key, key_changed(action, change.key, key, actor=made.actor, at=made.at, reason=reason))
