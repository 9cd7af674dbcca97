"""Two producers in one: for what somebody waits for, and for what may wait until there is more of it."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from schemas.message import Emission
from streams.producer import Producer
from streams.tasks import first_failure

PATIENCE_MS = 100
QUEUE = {"queue.buffering.max.kbytes": 16 * 1024}


class ByUrgency:
    """Sends the records of patient topics once PATIENCE_MS have passed, and all others at once.

    A broker works nearly as long for a request of one record as for one of a hundred: copies that nobody waits for
    would slow the answers down, were they sent one by one. The records of one topic stay in order.
    """

    def __init__(self, options: Mapping[str, Any], patient: Collection[str]) -> None:
        self._prompt = Producer(options)
        self._gathering = Producer({**options, **QUEUE, "linger.ms": PATIENCE_MS})
        self._patient = frozenset(patient)

    async def start(self) -> None:
        """Start both."""
        await self._prompt.start()
        await self._gathering.start()

    async def stop(self) -> None:
        """Deliver what is queued, for at most 30 s, and end both."""
        await asyncio.gather(self._prompt.stop(), self._gathering.stop())

    def send(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        """As `Producer.send`, all of it at once."""
        return self._prompt.send(emissions)

    async def feed(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        """As `Producer.feed`; the future is the delivery of all of them, of patient topics too."""
        patient = self._patient
        later = [emission for emission in emissions if emission.topic in patient]
        if not later:
            return await self._prompt.feed(emissions)
        now = await self._prompt.feed([emission for emission in emissions if emission.topic not in patient])
        all_of_it: asyncio.Future[Any] = asyncio.gather(now, await self._gathering.feed(later))
        return all_of_it

    async def failed(self) -> None:
        """Returns never; raises Unavailable once one of them is broken."""
        await first_failure(*map(asyncio.ensure_future, (self._prompt.failed(), self._gathering.failed())))
