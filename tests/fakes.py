"""Small honest stand-ins for what the stages and loops need."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.errors import Unavailable
from schemas.message import Emission, Record


@dataclass
class FakeAttempts:
    """Counts in a dict."""

    counts: dict[tuple[str, int, int], int] = field(default_factory=dict)

    async def add(self, record: Record) -> int:
        place = (record.topic, record.partition, record.offset)
        self.counts[place] = self.counts.get(place, 0) + 1
        return self.counts[place]


@dataclass
class FakeSender:
    """Keeps what is sent; deliveries are confirmed at once, or by the test."""

    at_once: bool = True
    sent: list[Emission] = field(default_factory=list)
    deliveries: list[asyncio.Future[None]] = field(default_factory=list)

    async def feed(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        self.sent += emissions
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.deliveries.append(future)
        if self.at_once:
            future.set_result(None)
        return future

    def fail(self, index: int) -> None:
        self.deliveries[index].set_exception(Unavailable("kafka", "not delivered"))


@dataclass
class FakeObserver:
    """Remembers what was reported."""

    batches: list[int] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)

    def batch(self, topic: str, records: int, seconds: float) -> None:
        self.batches.append(records)

    def delivery(self, topic: str, seconds: float) -> None: ...

    def waiting(self, dependency: str) -> None:
        self.waits.append(dependency)
