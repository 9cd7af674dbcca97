"""One transaction in a thread, ended in time whatever the server does."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from infra.database.faults import reaching_postgres
from schemas.errors import Unavailable

T = TypeVar("T")


async def in_transaction(
    engine: Engine, work: Callable[[Connection], T], patience_s: float, threads: Executor | None = None
) -> T:
    """The work's result, committed.

    threads: where it runs; the event loop's own threads, which others wait for too, where none are given.

    Raises Unavailable when all of it, the connecting and the commit too, takes longer than `patience_s` seconds. Then,
    and where this is cancelled, the connection is cut: the thread ends, and the server undoes what is not committed.
    """
    line = _Line()
    try:
        async with asyncio.timeout(patience_s):
            return await asyncio.get_running_loop().run_in_executor(threads, line.run, engine, work)
    except TimeoutError:
        raise Unavailable("postgres", f"has not finished within {patience_s:g} s") from None
    finally:
        line.cut()


class _Line:
    """A thread's way to the server, which the event loop may cut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_cut = False
        self._socket: socket.socket | None = None

    def run(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with reaching_postgres(), engine.connect() as connection, self._held(connection), connection.begin():
            return work(connection)

    def cut(self) -> None:
        """End every wait for the server, the present one and those to come."""
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _held(self, connection: Connection) -> Iterator[None]:
        # A descriptor of our own: the driver may close its one at any time, and the number would be another's then.
        driver: Any = connection.connection.driver_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as own:
            self._hold(own)
            try:
                yield
            finally:
                self._hold(None)

    def _hold(self, own: socket.socket | None) -> None:
        with self._lock:
            self._socket = own
            if own is not None and self._is_cut:
                raise Unavailable("postgres", "was reached too late")
