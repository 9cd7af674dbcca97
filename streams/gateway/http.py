"""The HTTP server: uvicorn on httptools, with a bound on a request's head, which httptools itself does not have."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from schemas.errors import BadSettings

MAX_HEAD_BYTES = 64 * 1024
"""Above the application's own limit, which answers 431; this one only protects memory."""

DRAIN_S = 20


class BoundedHead(HttpToolsProtocol):
    """Hangs up on a head that does not end within MAX_HEAD_BYTES."""

    _head: int | None = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is None:
            return
        self._head += len(data)
        if self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's head is too large.")

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()


class Unsignalled(Server):
    """A server that leaves signals to whom runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def http_server(app: ASGIApp) -> Server:
    """A server for the application; setting its `should_exit` answers what is in flight and ends it."""
    return Unsignalled(
        Config(
            app,
            http=BoundedHead,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises BadSettings where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise BadSettings(f"cannot listen on {host}:{port} ({error.strerror}): set HOST and PORT") from error
