"""A process that a role starts: it ends with the role, in time, and what is kept of its words is bounded."""

import asyncio
import os
import signal
import sys
from asyncio import StreamReader
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from subprocess import DEVNULL
from typing import Any, Literal, NamedTuple

from infra.local.process import LEASH

GRACE_S = 60.0
"""From SIGTERM to SIGKILL: what it does last waits for Postgres and for Kafka, for 20 and 30 s at most."""
MOST_SAID = 1_000_000
"""Bytes of each stream, the last ones."""

Why = Literal["by_itself", "stopped", "overdue"]


class Ended(NamedTuple):
    """why: what ended it; overdue, as it took too long."""

    code: int
    out: bytes
    err: bytes
    why: Why


async def run(command: Sequence[str], stop: asyncio.Event, longest_s: float, grace_s: float = GRACE_S) -> Ended:
    """How the command ended. It is told to by SIGTERM once `stop` is set, or after so many seconds, and killed where it
    does not heed that; at once where this is cancelled."""
    child = await _started(command)
    assert child.stdout is not None
    assert child.stderr is not None
    said = asyncio.ensure_future(asyncio.gather(_last(child.stdout), _last(child.stderr), child.wait()))
    try:
        why = await _why(said, stop, longest_s)
        if why != "by_itself":
            with suppress(ProcessLookupError):
                child.terminate()
            await asyncio.wait({said}, timeout=grace_s)
    finally:
        if not said.done():
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await asyncio.wait({said})
    out, err, code = await said
    return Ended(code, out, err, why)


async def _started(command: Sequence[str]) -> Process:
    """In a session of its own: Ctrl-C in a terminal is told by us, once."""
    leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), "-"]
    return await asyncio.create_subprocess_exec(
        *leash, *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
    )


async def _why(said: asyncio.Future[tuple[bytes, bytes, int]], stop: asyncio.Event, longest_s: float) -> Why:
    stops = asyncio.ensure_future(stop.wait())
    either: set[asyncio.Future[Any]] = {said, stops}
    try:
        await asyncio.wait(either, timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
        return "by_itself" if said.done() else "stopped" if stops.done() else "overdue"
    finally:
        stops.cancel()


async def _last(stream: StreamReader) -> bytes:
    kept = b""
    while part := await stream.read(65_536):
        kept = (kept + part)[-MOST_SAID:]
    return kept
