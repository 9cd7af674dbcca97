"""What time it is, told to whoever judges windows."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack

from schemas.errors import Unavailable
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.message import Emission
from schemas.sketches import Tick, encode_sketch
from streams.beside import Beside
from streams.gateway.pending import Sender

log = logging.getLogger("weir.drift")

TICK_S = 5.0
_HEADERS = [(SCHEMA_VERSION, CURRENT_SCHEMA)]


class Ticks(Beside):
    """Sends a tick to every partition of the sketches' topic; of several monitors each does, which harms nobody."""

    def __init__(self, topic: str, partitions: int, sender: Sender, every_s: float = TICK_S) -> None:
        super().__init__(topic)
        self._partitions = partitions
        self._sender = sender
        self._every_s = every_s

    def begin(self, things: AsyncExitStack) -> None:
        """Tick until `things` close."""
        self.run(self._tick(), things)

    async def _tick(self) -> None:
        while True:
            value = encode_sketch(Tick(time.time_ns() // 1_000_000))
            try:
                await self._sender.send(
                    [Emission(self._topic, None, value, _HEADERS, partition) for partition in range(self._partitions)]
                )
            except Unavailable as error:
                log.warning("nobody was told the time: %s", error)
            await asyncio.sleep(self._every_s)
