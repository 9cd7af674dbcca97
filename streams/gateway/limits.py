"""What one caller may hold of the gateway, and how many there may be."""

import asyncio
import resource
from collections.abc import Sequence
from dataclasses import dataclass, field

from uvicorn.protocols.http.flow_control import FlowControl


def most_connections() -> int:
    """Ten thousand of 8 KB each, or three quarters of the process's descriptors where those are fewer."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if descriptors == resource.RLIM_INFINITY else min(10_000, descriptors * 3 // 4)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may hold, and how many there may be.

    head_bytes: above the application's own limit, which tells callers more; this one only protects memory.
    head_s: for a head, and for what is left of a body that was answered before its end; a body that is read has
    its own. idle_s: between requests, as long as proxies keep connections. unread_s: for taking an answer.
    unanswered: requests sent ahead of their answers.
    """

    connections: int = field(default_factory=most_connections)
    head_bytes: int = 64 * 1024
    head_s: float = 10
    idle_s: float = 30
    unread_s: float = 30
    unanswered: int = 64


class OneAtATime(FlowControl):
    """Reads no further while whole requests wait for the one before them."""

    def __init__(self, transport: asyncio.Transport, waiting: Sequence[object]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()
