"""Work that goes on beside a role's stages."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any


class Beside:
    """A task about one topic; `streams.roles.shared.View` shows it, so that its end is its worker's."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._task: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[Any, Any, None], things: AsyncExitStack) -> None:
        """Do the work until `things` close."""
        self._task = asyncio.create_task(work)
        things.push_async_callback(self._stop)

    @property
    def topic(self) -> str:
        """Its full name."""
        return self._topic

    @property
    def staleness_s(self) -> float:
        return 0.0

    async def failed(self) -> None:
        """Returns never, or raises what ended the work."""
        assert self._task is not None, "begin first"
        await asyncio.shield(self._task)

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
