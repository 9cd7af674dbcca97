"""What comes in from Kafka: the keys and the replies."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from infra.auth import SealedKeyRing
from schemas.errors import Unavailable
from schemas.keys import Credential
from streams.compacted import CompactedView
from streams.gateway.replies import ReplyReader
from streams.settings import Settings
from streams.topics import API_KEYS

log = logging.getLogger("weir.gateway")
T = TypeVar("T")

RETRY_S = 1.0
STALE_S = 30.0


class Feeds:
    """The key view and the reply reader, connected in the background."""

    def __init__(self, settings: Settings, ring: SealedKeyRing, replies: ReplyReader) -> None:
        self._settings = settings
        self._ring = ring
        self.view: CompactedView | None = None
        self.replies = replies

    async def run(self) -> None:
        """Connect, however long the broker is away, then return never; raises what ended one of them."""
        self.view = await until_available(self._read_keys)
        await until_available(self.replies.start)
        ends = [asyncio.ensure_future(end) for end in (self.view.failed(), self.replies.wait_closed())]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in done:
                end.result()
        finally:
            for end in ends:
                end.cancel()

    async def stop(self) -> None:
        await self.replies.stop()
        if self.view is not None:
            await self.view.stop()

    def by_api_key(self, api_key: str) -> Credential | None:
        """The credential of a plain key. Raises Unavailable until the keys are read."""
        if self.view is None:
            raise Unavailable("kafka", "the keys are not read yet")
        return self._ring.by_api_key(api_key)

    def line(self, key_id: str) -> str:
        """The id that all keys of a rotated line share."""
        return self._ring.line(key_id)

    def keys_not_ready(self) -> str | None:
        """Why the keys cannot be relied on, or None."""
        if self.view is None:
            return "the keys are not read yet"
        stale = self.view.staleness_s
        return None if stale < STALE_S else f"the keys were last heard of {stale:.0f} s ago"

    async def _read_keys(self) -> CompactedView:
        view = CompactedView(self._settings, self._settings.topic(API_KEYS.name), self._ring.update)
        await view.start()
        self._ring.check()
        return view


async def until_available(connect: Callable[[], Awaitable[T]]) -> T:
    """What `connect` returns, tried until its dependency answers."""
    while True:
        try:
            return await connect()
        except Unavailable as error:
            log.warning("waiting: %s", error)
            await asyncio.sleep(RETRY_S)
