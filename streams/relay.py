"""Labelled predictions on their way from the outbox to their topic, in the sink's spare time."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol
from uuid import UUID

from schemas.errors import Unavailable
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.message import Emission
from schemas.result import SCHEMA_VERSION as MESSAGE_VERSION
from schemas.wire import encode
from streams.beside import Beside
from streams.gateway.pending import Sender

log = logging.getLogger("weir.relay")

MOST = 1000
"""Messages that are sent at once."""
PAUSE_S = 0.5
AWAY_S = 5.0
_HEADERS = [(SCHEMA_VERSION, CURRENT_SCHEMA)]


class Sent(Protocol):
    """A message that the outbox holds."""

    @property
    def series(self) -> UUID: ...
    @property
    def number(self) -> int: ...
    @property
    def message(self) -> dict[str, Any]: ...


class Outbox(Protocol):
    """Where messages lie. Raises Unavailable."""

    async def take(self, most: int) -> Sequence[Any]:
        """What is to be sent first, `Sent`; nothing where another sends."""
        ...

    async def delivered(self, sent: Sequence[Any]) -> None: ...


class Relay(Beside):
    """Sends what the outbox holds and only then takes it out: who is killed in between sends the same again."""

    def __init__(self, topic: str, outbox: Outbox, sender: Sender, pause_s: float = PAUSE_S) -> None:
        super().__init__(topic)
        self._outbox = outbox
        self._sender = sender
        self._pause_s = pause_s

    def begin(self, things: AsyncExitStack) -> None:
        """Send until `things` close."""
        self.run(self._relay(), things)

    async def _relay(self) -> None:
        while True:
            try:
                sent = await self._outbox.take(MOST)
                if sent:
                    await self._sender.send([self._record(each) for each in sent])
                    await self._outbox.delivered(sent)
            except Unavailable as error:
                log.warning("labelled predictions wait: %s", error)
                await asyncio.sleep(AWAY_S)
            else:
                await asyncio.sleep(0 if len(sent) == MOST else self._pause_s)

    def _record(self, sent: Sent) -> Emission:
        message = {"series": str(sent.series), "number": sent.number, **sent.message, "schema_version": MESSAGE_VERSION}
        return Emission(self._topic, (message["entity"] or "").encode(), encode(message), _HEADERS)
