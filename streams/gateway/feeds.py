"""What comes in from Kafka: the keys, what is served, and the replies."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from infra.auth import SealedKeyRing
from schemas.control_state import ControlState, Registry, RouteTable
from schemas.errors import Unavailable
from schemas.keys import Credential
from streams.compacted import CompactedView
from streams.gateway.replies import ReplyReader
from streams.settings import Settings
from streams.topics import API_KEYS, MODEL_REGISTRY, MODEL_ROUTES

log = logging.getLogger("weir.gateway")
T = TypeVar("T")

RETRY_S = 1.0
STALE_S = 30.0


class Feeds:
    """The views and the reply reader, connected in the background."""

    def __init__(self, settings: Settings, ring: SealedKeyRing, replies: ReplyReader) -> None:
        self._settings = settings
        self._ring = ring
        self._table, self._registry = RouteTable(), Registry()
        self.view: CompactedView | None = None
        self._control_views: list[CompactedView] = []
        self.replies = replies

    async def run(self) -> None:
        """Connect, however long the broker is away, then return never; raises what ended one of them."""
        self.view = await until_available(self._read_keys)
        await until_available(self.replies.start)
        self._control_views = await until_available(self._read_control)
        followed = [view.failed() for view in self.views]
        ends = [asyncio.ensure_future(end) for end in (*followed, self.replies.wait_closed())]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in done:
                end.result()
        finally:
            for end in ends:
                end.cancel()

    async def stop(self) -> None:
        await self.replies.stop()
        for view in self.views:
            await view.stop()

    @property
    def views(self) -> list[CompactedView]:
        """Those that are read by now."""
        return [view for view in (self.view, *self._control_views) if view is not None]

    @property
    def state(self) -> ControlState:
        """What is served. Raises Unavailable until it is read."""
        if not self._control_views:
            raise Unavailable("kafka", "the routes are not read yet")
        return ControlState(routes=self._table.routes, entries=self._registry.entries)

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

    async def _read_control(self) -> list[CompactedView]:
        feeds = {MODEL_ROUTES.name: self._table.update, MODEL_REGISTRY.name: self._registry.update}
        views = [CompactedView(self._settings, self._settings.topic(name), update) for name, update in feeds.items()]
        try:
            for view in views:
                await view.start()
        except BaseException:
            for view in views:
                await view.stop()
            raise
        return views


async def until_available(connect: Callable[[], Awaitable[T]]) -> T:
    """What `connect` returns, tried until its dependency answers."""
    while True:
        try:
            return await connect()
        except Unavailable as error:
            log.warning("waiting: %s", error)
            await asyncio.sleep(RETRY_S)
