"""Episodes of drift, read from Postgres in threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine

from infra.database.episodes import Wanted, episode_steps, last_windows, latest_episodes
from infra.database.transaction import in_transaction
from schemas.drift_events import DriftEvent
from schemas.drift_windows import DriftWindow
from schemas.errors import Unavailable

T = TypeVar("T")
PATIENCE_S = 5.0
AT_ONCE = 2
IN_LINE = 50
"""Who waits, those being read among them: a page that reloads must not fill the memory of a gateway whose Postgres
hangs."""


class StoredDrift:
    """Each call raises Unavailable: after `patience_s` seconds, and at once while `IN_LINE` others wait."""

    def __init__(self, engine: Engine, patience_s: float = PATIENCE_S) -> None:
        self._engine = engine
        self._patience_s = patience_s
        self._threads = ThreadPoolExecutor(AT_ONCE, "stored-drift")
        self._waiting = 0

    async def latest(self, wanted: Wanted) -> tuple[list[DriftEvent], list[DriftWindow]]:
        """The last steps of episodes, the newest first, and the last window of each model version."""
        return await self._read(partial(_latest, wanted))

    async def steps(self, event_id: str) -> list[DriftEvent]:
        """An episode's, in order; none where it is unknown."""
        return await self._read(lambda connection: episode_steps(connection, event_id))

    async def _read(self, work: Callable[[Connection], T]) -> T:
        if self._waiting >= IN_LINE:
            raise Unavailable("postgres", f"{IN_LINE} look-ups wait for it already")
        self._waiting += 1
        try:
            return await in_transaction(self._engine, work, self._patience_s, self._threads)
        finally:
            self._waiting -= 1


def _latest(wanted: Wanted, connection: Connection) -> tuple[list[DriftEvent], list[DriftWindow]]:
    return latest_episodes(connection, wanted), last_windows(connection, wanted.model, wanted.version)
