"""What awaits its delivery."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch of so many records, and what is called once it is delivered."""

    delivery: asyncio.Future[None]
    ack: Callable[[], object]
    records: int


class Slots:
    """Room for so many records at once; a batch of more goes alone."""

    def __init__(self, records: int) -> None:
        self._room = records
        self._taken = 0
        self._freed = asyncio.Event()

    async def take(self, records: int) -> None:
        """Return once there is room for these."""
        while self._taken and self._taken + records > self._room:
            self._freed.clear()
            await self._freed.wait()
        self._taken += records

    def give_back(self, records: int) -> None:
        """Make room for others."""
        self._taken -= records
        self._freed.set()
