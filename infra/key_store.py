"""Where API keys lie: the compacted topic `api-keys`, key id -> key as JSON; `audit-events` has every change."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from infra.compacted import read_records
from infra.kafka import publish
from infra.key_repairs import Change, Record, repairs
from infra.key_table import KeyTable
from schemas.errors import Unavailable
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.keys import ApiKey
from schemas.message import Headers

HEADERS: Headers = [(SCHEMA_VERSION, CURRENT_SCHEMA)]

_log = logging.getLogger("weir.keys")


class KeyStore(Protocol):
    """The keys, whichever way they are kept. Each call raises Unavailable while they cannot be reached."""

    def get(self, key_id: str) -> ApiKey | None: ...

    def all(self) -> Sequence[ApiKey]:
        """Every key, in the order in which they were first kept."""
        ...

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
        """Writes these, and then what others wrote meanwhile and these undid: readers keep an end by themselves, but a
        compaction would forget it."""
        self._write(changes)
        try:
            while changes := repairs(changes, self._records()):
                self._write(changes)
        except Unavailable as error:  # what was asked for is done, and the next change of any key looks again
            _log.warning("the keys are written but were not looked at again: %s", error)

    def _write(self, changes: Sequence[Change]) -> None:
        events = [(c.event.actor.encode(), c.event.model_dump_json().encode(), HEADERS) for c in changes]
        keys = [(c.key.key_id.encode(), c.key.model_dump_json().encode(), HEADERS) for c in changes]
        publish(self._options, self._audit_topic, events, self._timeout_s)
        publish(self._options, self._topic, keys, self._timeout_s)

    def _read(self) -> KeyTable:
        table = KeyTable()
        for key_id, value in self._records():
            table.update(key_id, value)
        return table

    def _records(self) -> Sequence[Record]:
        records: list[Record] = []

        def note(key_id: bytes, value: bytes | None) -> None:
            records.append((key_id.decode("utf-8", "replace"), value))

        read_records(self._options, self._topic, note, self._timeout_s)
        return records
