"""A server as seen over a slow line."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class SlowProxy:
    """Takes connections in a server's place; while `delay_s` is set every answer comes so much later."""

    def __init__(self, target: int) -> None:
        self.delay_s = 0.0
        self.port = 0
        self._target = target

    async def serve(self, started: threading.Event, stopped: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await stopped.wait()
        server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            answers, questions = await asyncio.open_connection("127.0.0.1", self._target)
            ways = [self._pass(reader, questions, late=False), self._pass(answers, writer, late=True)]
            tasks = [asyncio.ensure_future(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            questions.close()
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if late:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()


@contextmanager
def slow_proxy(target: int) -> Iterator[SlowProxy]:
    """A proxy for a port of this machine, in a thread of its own."""
    proxy, started, loop = SlowProxy(target), threading.Event(), asyncio.new_event_loop()
    stopped = asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(proxy.serve(started, stopped))

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
