"""The HTTP server: uvicorn on httptools."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from starlette.types import ASGIApp
from uvicorn import Config, Server

from schemas.errors import BadSettings
from streams.gateway.connection import Connection
from streams.gateway.limits import Limits

DRAIN_S = 20


class Unsignalled(Server):
    """A server that leaves signals to whom runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def http_server(app: ASGIApp, limits: Limits | None = None) -> Server:
    """A server for the application; setting its `should_exit` answers what is in flight and ends it."""
    return Unsignalled(
        Config(
            app,
            http=partial(Connection, limits=limits or Limits()),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
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
