"""A compacted topic that is followed, and the work that goes on beside it."""

import asyncio

from streams.beside import Beside
from streams.compacted import CompactedView
from streams.tasks import first_failure


class Following(Beside):
    """A view with a task beside it; each ends the other, and `streams.roles.shared.View` shows both as one."""

    def __init__(self, view: CompactedView) -> None:
        super().__init__(view.topic)
        self._view = view

    @property
    def staleness_s(self) -> float:
        return self._view.staleness_s

    async def failed(self) -> None:
        """Returns never, or raises what ended the following or the work."""
        await first_failure(asyncio.ensure_future(self._view.failed()), asyncio.ensure_future(super().failed()))
