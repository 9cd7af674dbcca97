"""Callers of the server who send and read byte by byte."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from uvicorn import Server

from streams.gateway.http import http_server, listen
from streams.gateway.limits import Limits
from tests.kafka import until
from tests.streams.gateway.described import check, schema_of
from tests.streams.gateway.fakes import Gateway

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: w\r\n\r\n"
LONG = 30.0
HEAD = re.compile(rb"HTTP/1.1 (?P<status>\d+) .*?content-length: (?P<length>\d+)\r\n.*?\r\n\r\n", re.DOTALL)


def patient(**own: float) -> Limits:
    """Limits that never strike but for those named."""
    times = {"head_s": LONG, "idle_s": LONG, "unread_s": LONG}
    return Limits(**{"connections": 100, **times, **own})  # type: ignore[arg-type]


@asynccontextmanager
async def serving(gateway: Gateway, limits: Limits, listening: socket.socket | None = None) -> AsyncIterator[Server]:
    server = http_server(gateway.app(), limits)
    task = asyncio.create_task(server.serve(sockets=[listening or listen("127.0.0.1", 0)]))
    await until(lambda: server.started, "the server serves")
    try:
        yield server
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 30)


class Caller:
    """A plain socket: a stream of asyncio's forgets what came before a reset."""

    def __init__(self, own: socket.socket) -> None:
        self._socket = own
        self._unread = b""

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionResetError, BrokenPipeError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self._socket, data), 10)

    async def answer(self) -> tuple[int, dict[str, Any], bytes]:
        """Status, body and head of the next answer."""
        while (head := HEAD.match(self._unread)) is None or len(self._unread) < head.end() + int(head["length"]):
            received = await self._receive()
            assert received, f"hung up after {self._unread!r}"
            self._unread += received
        end = head.end() + int(head["length"])
        body, self._unread = self._unread[head.end() : end], self._unread[end:]
        if int(head["status"]) >= 400:
            check(schema_of({"$ref": "#/components/schemas/Error"}), body, str(head[0]))
        return int(head["status"]), json.loads(body), head[0].lower()

    async def ask(self, request: bytes = ALIVE) -> tuple[int, dict[str, Any], bytes]:
        await self.send(request)
        return await self.answer()

    async def ended(self) -> bytes:
        """What still comes before the server hangs up."""
        with suppress(ConnectionResetError):
            while received := await self._receive():
                self._unread += received
        return self._unread

    async def _receive(self) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 65536), 10)


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[Caller]:
    with socket.create_connection(server.servers[0].sockets[0].getsockname()) as own:
        own.setblocking(False)
        yield Caller(own)


@asynccontextmanager
async def trickling(caller: Caller, piece: bytes) -> AsyncIterator[None]:
    """A piece goes out every hundredth of a second."""

    async def trickle() -> None:
        while True:
            await caller.send(piece)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(trickle())
    yield
    task.cancel()


def narrow() -> socket.socket:
    """Listens for connections that buffer next to nothing: what is accepted inherits it."""
    listening = listen("127.0.0.1", 0)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return listening


def deaf_to(listening: socket.socket) -> socket.socket:
    """A connection that is not read from."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.settimeout(5)
    deaf.connect(listening.getsockname())
    return deaf
