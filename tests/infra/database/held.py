"""Transactions that stand still at a known place, while others come along."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, event

from infra.database import create_db_engine
from tests.infra.database.rows import stored
from tests.kafka import until

HELD_S = 30
WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@dataclass
class Held:
    """An engine whose transactions have written everything, and commit once they are let go."""

    engine: Engine
    reached: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    fails: bool = False

    async def written(self) -> None:
        await until(self.reached.is_set, "a transaction that has written")

    def stop(self, _: object) -> None:
        self.reached.set()
        if not self.let_go.wait(HELD_S):
            raise TimeoutError("never let go")
        if self.fails:
            raise ConnectionError("killed before the commit")


@contextmanager
def held(engine: Engine) -> Iterator[Held]:
    """A second engine on the same database."""
    own = Held(create_db_engine(engine.url.render_as_string(hide_password=False)))
    event.listen(own.engine, "commit", own.stop)
    try:
        yield own
    finally:
        own.let_go.set()
        own.engine.dispose()


async def blocked_or(done: Callable[[], bool], engine: Engine) -> None:
    """Return once another transaction waits for a lock, or is through without."""
    await until(lambda: done() or stored(engine, WAITING) != [], "a wait for a lock")
