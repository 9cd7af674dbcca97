"""The two topics of a key store, and writers who are overtaken or end too soon."""

from collections.abc import Callable, Sequence
from typing import Any

from infra.kafka import client_options, publish
from infra.key_repairs import Change
from infra.key_store import TopicKeyStore
from schemas.errors import Unavailable
from schemas.events import AuditEvent
from schemas.keys import ApiKey
from streams.settings import Settings
from tests.kafka import make_topic, read_all


class Topics:
    """The two topics of one store."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap, self.keys, self.audit = bootstrap, f"{prefix}.api-keys", f"{prefix}.audit-events"
        self.options: dict[str, Any] = client_options(Settings(kafka_bootstrap_servers=bootstrap))
        make_topic(bootstrap, self.keys, 1)

    def store(self, timeout_s: float = 30) -> TopicKeyStore:
        return TopicKeyStore(self.options, self.keys, self.audit, timeout_s)

    def states(self, key_id: str | None = None) -> list[ApiKey]:
        """Every record of a key, or of all."""
        states = [ApiKey.model_validate_json(record.value() or b"") for record in read_all(self.bootstrap, self.keys)]
        return [state for state in states if key_id in (None, state.key_id)]

    def events(self, key_id: str | None = None) -> list[AuditEvent]:
        records = read_all(self.bootstrap, self.audit)
        events = [AuditEvent.model_validate_json(record.value() or b"") for record in records]
        assert [record.key() for record in records] == [event.actor.encode() for event in events]
        return [event for event in events if key_id in (None, event.target)]

    def append(self, key: ApiKey) -> None:
        """A record by a writer that ends before it looks what it overwrote."""
        publish(self.options, self.keys, [(key.key_id.encode(), key.model_dump_json().encode(), ())])


class Overtaken:
    """A store whose reader is overtaken: between its reading and its first writing another does something."""

    def __init__(self, real: TopicKeyStore, another: Callable[[], object]) -> None:
        self.get, self.all, self._real, self._others = real.get, real.all, real, [another]

    def put(self, changes: Sequence[Change]) -> None:
        while self._others:
            self._others.pop()()
        self._real.put(changes)


class Blinded(TopicKeyStore):
    """A store that writes, but can read no more once it has written."""

    wrote = False

    def _write(self, changes: Sequence[Change]) -> None:
        super()._write(changes)
        self.wrote = True

    def _records(self) -> Any:
        if self.wrote:
            raise Unavailable("kafka", "the topic cannot be read")
        return super()._records()
