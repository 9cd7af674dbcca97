"""A compacted topic that is followed, and the work that goes on beside it."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from streams.compacted import CompactedView
from streams.tasks import first_failure


class Following:
    """A view with a task beside it; each ends the other, and `streams.roles.shared.View` shows both as one."""

    def __init__(self, view: CompactedView) -> None:
        self._view = view
        self._task: asyncio.Task[None] | None = None

    def begin(self, work: Coroutine[Any, Any, None], things: AsyncExitStack) -> None:
        """Run the work until `things` close."""
        self._task = asyncio.create_task(work)
        things.push_async_callback(self._stop)

    @property
    def topic(self) -> str:
        return self._view.topic

    @property
    def staleness_s(self) -> float:
        return self._view.staleness_s

    async def failed(self) -> None:
        """Returns never, or raises what ended the following or the work."""
        assert self._task is not None, "begin first"
        await first_failure(asyncio.ensure_future(self._view.failed()), asyncio.shield(self._task))

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
