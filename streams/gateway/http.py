"""The HTTP server: uvicorn on httptools, with a bound on a request's head, which httptools itself does not have."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from schemas.errors import BadSettings
from streams.gateway.answers import error_response

MAX_HEAD_BYTES = 64 * 1024
"""Above the application's own limit, which tells callers more; this one only protects memory."""

DRAIN_S = 20
LAST_WORDS = {"Connection": "close", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class BoundedHead(HttpToolsProtocol):
    """Hangs up where MAX_HEAD_BYTES come with neither a head's end nor a body: heads, trailers, chunk extensions."""

    _held = 0
    _got_on = False

    def data_received(self, data: bytes) -> None:
        self._got_on = False
        super().data_received(data)
        self._held = 0 if self._got_on else self._held + len(data)
        if self._held > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._hang_up("headers_too_large", f"the request's head exceeds {MAX_HEAD_BYTES} bytes")

    def on_headers_complete(self) -> None:
        self._got_on = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        self._hang_up("not_http", msg)

    def _hang_up(self, code: str, message: str) -> None:
        response = error_response(400, code, message, headers=LAST_WORDS)
        head = [b"%b: %b\r\n" % header for header in response.raw_headers]
        self.transport.write(b"".join([b"HTTP/1.1 400 Bad Request\r\n", *head, b"\r\n", bytes(response.body)]))
        self.transport.close()


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
