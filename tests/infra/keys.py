"""Keys in memory, and a clock moved by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime

from infra.key_repairs import Change
from infra.sealing import Sealer
from schemas.events import AuditEvent
from schemas.keys import ApiKey

SEALER = Sealer("a master secret of more than 32 characters")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class DictStore:
    """Keys in memory."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.events: list[AuditEvent] = []

    def get(self, key_id: str) -> ApiKey | None:
        return self.keys.get(key_id)

    def all(self) -> Sequence[ApiKey]:
        return list(self.keys.values())

    def put(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.keys[change.key.key_id] = change.key
            self.events.append(change.event)


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now
