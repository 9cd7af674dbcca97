"""A store in memory, and batches to give to the sink."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from schemas.errors import Unavailable
from schemas.keys import ApiKey
from schemas.message import Batch, Emission, Record
from schemas.stored import Position, ReceivedLabel, RefusedRow, StoredEvent, StoredPrediction, StoredShadow
from schemas.wire import encode

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@dataclass
class KeptInMemory:
    """A store that keeps what it is given, refuses the rows told, or is away."""

    refuse: Sequence[RefusedRow] = ()
    away: bool = False
    predictions: list[StoredPrediction] = field(default_factory=list)
    labels: list[ReceivedLabel] = field(default_factory=list)
    shadows: list[StoredShadow] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    keys: list[ApiKey] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)

    async def save_predictions(
        self, rows: Sequence[StoredPrediction], positions: Sequence[Position]
    ) -> Sequence[RefusedRow]:
        if self.away:
            raise Unavailable("postgres", "is away")
        self.predictions.extend(rows)
        self.positions.extend(positions)
        return self.refuse

    async def save_labels(self, labels: Sequence[ReceivedLabel], positions: Sequence[Position]) -> Sequence[RefusedRow]:
        self.labels.extend(labels)
        self.positions.extend(positions)
        return self.refuse

    async def save_shadows(self, rows: Sequence[StoredShadow], positions: Sequence[Position]) -> Sequence[RefusedRow]:
        self.shadows.extend(rows)
        self.positions.extend(positions)
        return self.refuse

    async def save_events(self, events: Sequence[StoredEvent], positions: Sequence[Position]) -> Sequence[RefusedRow]:
        self.events.extend(events)
        self.positions.extend(positions)
        return self.refuse

    async def save_keys(
        self, keys: Sequence[ApiKey], deleted: Sequence[str], positions: Sequence[Position]
    ) -> Sequence[RefusedRow]:
        self.keys.extend(keys)
        self.deleted.extend(deleted)
        self.positions.extend(positions)
        return self.refuse


def batch_of(*values: Any, topic: str = "topic", partition: int = 0, first: int = 10, key: bytes = b"k") -> Batch:
    """Records with consecutive offsets; what is not bytes or None is encoded."""
    bodies = [value if value is None or isinstance(value, bytes) else encode(value) for value in values]
    records = [
        Record(topic, partition, first + place, 1_700_000_000_000, key, body, ()) for place, body in enumerate(bodies)
    ]
    return Batch(topic, records)


def letter(emission: Emission) -> dict[str, Any]:
    assert emission.topic == "dead"
    body: dict[str, Any] = json.loads(emission.value)
    return body
