"""Whether anyone listens at the bootstrap servers: the Kafka libraries would try for half a minute before they say."""

import socket
from collections.abc import Sequence
from time import monotonic, sleep
from urllib.parse import urlsplit

from schemas.errors import BadSettings, Unavailable

PATIENCE_S = 3.0
"""Long enough for a broker that is just being started again."""
PAUSE_S = 0.1
KAFKA_PORT = 9092

Address = tuple[str, int]


def await_listener(servers: str, patience_s: float = PATIENCE_S) -> None:
    """Return once one of the bootstrap servers takes a connection.

    Raises Unavailable where none has after `patience_s` seconds, BadSettings where an address is none.
    """
    addresses = [_address(server) for server in servers.split(",") if server.strip()]
    deadline = monotonic() + patience_s
    while (trouble := _trouble(addresses, patience_s)) is not None:
        if monotonic() >= deadline:
            advice = "start one with `weir up`, or set KAFKA_BOOTSTRAP_SERVERS"
            raise Unavailable("kafka", f"no broker answers at {servers} ({trouble}): {advice}")
        sleep(PAUSE_S)


def _address(server: str) -> Address:
    """host:port as the clients take it, perhaps with a protocol before it."""
    try:
        parts = urlsplit(f"//{server.strip().rpartition('//')[2]}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise BadSettings(f"KAFKA_BOOTSTRAP_SERVERS: {server!r} is not host:port")
    return host, KAFKA_PORT if port is None else port


def _trouble(addresses: Sequence[Address], patience_s: float) -> str | None:
    """Why none of them takes a connection, or None where one does."""
    trouble = "it names none"
    for address in addresses:
        try:
            socket.create_connection(address, timeout=patience_s / len(addresses)).close()
        except OSError as error:
            trouble = error.strerror or str(error)
        else:
            return None
    return trouble
