"""The way to a server, as slow as a test wants it, with connections that a test may cut."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from threading import Thread


@dataclass
class SlowLink:
    """Forwards every byte after `delay_s`, in each direction."""

    target: int
    delay_s: float = 0.0
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        """Every connection that there is ends."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self.writers += [writer, back]
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        underway: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(underway, writer))
        data = b"-"
        while data:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""
            underway.put_nowait((time.monotonic() + self.delay_s, data))
        await arriving

    @staticmethod
    async def _arrive(underway: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        while True:
            at, data = await underway.get()
            await asyncio.sleep(at - time.monotonic())
            if not data:
                writer.close()
                return
            writer.write(data)


@asynccontextmanager
async def slow_link(target: int) -> AsyncIterator[SlowLink]:
    link = SlowLink(target)
    server = await asyncio.start_server(link.serve, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        link.cut()


@contextmanager
def slow_link_beside(target: int) -> Iterator[SlowLink]:
    """The same in a thread of its own, for a test that blocks."""
    opened: Future[tuple[SlowLink, asyncio.AbstractEventLoop]] = Future()
    closed = asyncio.Event()

    async def serve() -> None:
        async with slow_link(target) as link:
            opened.set_result((link, asyncio.get_running_loop()))
            await closed.wait()

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    link, loop = opened.result(10)
    try:
        yield link
    finally:
        loop.call_soon_threadsafe(closed.set)
        thread.join(10)
