"""What every host offers: pipelines run until told to stop, and their progress can be watched."""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.message import Record


@dataclass(frozen=True, slots=True)
class Progress:
    """position: grows as records are read and committed. behind: records read by nobody yet. excused: a rebalance or
    a dependency's outage explains a standstill."""

    position: int
    behind: int
    excused: bool


class Host(Protocol):
    """A driver of pipelines: Faust or the bare aiokafka loop."""

    async def run(self, stop: asyncio.Event) -> None:
        """Process until `stop` is set, then finish, commit and leave the group; raises what crashed."""
        ...

    def progress(self) -> Progress: ...


def to_record(raw: Any) -> Record:
    """An aiokafka ConsumerRecord as stages know it."""
    return Record(raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, raw.headers)
