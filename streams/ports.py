"""What a pipeline is given: a way out, a memory of crashes, and eyes."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from schemas.message import Emission, Record


class Sender(Protocol):
    """The producer, as the loop sees it."""

    async def feed(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        """Queue the emissions, waiting for room; the future is their delivery."""
        ...


class Attempts(Protocol):
    """How often each record has crashed a worker, counted where a restart finds it."""

    async def add(self, record: Record) -> int:
        """Count one more and return the number."""
        ...


class Observer(Protocol):
    """What the loop reports: a metric each."""

    def batch(self, topic: str, records: int, seconds: float) -> None: ...

    def delivery(self, topic: str, seconds: float) -> None: ...

    def waiting(self, dependency: str) -> None: ...
