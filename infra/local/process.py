"""Processes that are ours, known by pid and time of birth, so that a reused pid is never touched."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from schemas.errors import Unavailable

LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, slots=True)
class Process:
    """A process we started. `handle` is there only on a leash, in the Python process that started it."""

    name: str
    pid: int
    created: float
    handle: "subprocess.Popen[bytes] | None" = field(default=None, compare=False, repr=False)


def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    environ: Mapping[str, str],
    user: str | None = None,
    leash: bool = False,
    cwd: Path = Path("/"),
) -> Process:
    """Start a command in its own session, its output appended to `log`.

    leash: it dies with this process (Linux); otherwise it outlives us.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(part) for part in argv]
    if leash:
        command = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), user or "-", *command]
        user = None
    with log.open("ab") as out:
        handle = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(environ),
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    created = psutil.Process(handle.pid).create_time()
    if leash:
        return Process(name, handle.pid, created, handle)
    # Disowned: Popen would complain when it is forgotten while the process goes on.
    handle.returncode = 0
    return Process(name, handle.pid, created)


def find(process: Process) -> psutil.Process | None:
    """The living process, or None when it ended or its pid belongs to another by now."""
    try:
        found = psutil.Process(process.pid)
        # The system derives birth times from the clock, which may be set by a little meanwhile.
        same = abs(found.create_time() - process.created) < 2.0
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def alive(process: Process) -> bool:
    return find(process) is not None


def stop(process: Process, *, with_signal: int = signal.SIGTERM, within: float = 20.0) -> None:
    """Ask the process to end, wait, and kill it when it has not ended in time. Seconds."""
    victim = find(process)
    if victim is not None:
        victim.send_signal(with_signal)
        if not wait_until(lambda: not alive(process), within):
            victim.kill()
            wait_until(lambda: not alive(process), 5.0)
    if process.handle is not None:
        process.handle.wait(timeout=5.0)
    elif victim is not None:
        reap(process.pid)


def reap(pid: int) -> None:
    """Take a dead child's exit status, so that it does not stay a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def wait_until(condition: Callable[[], bool], within: float, every: float = 0.05) -> bool:
    """Whether the condition came true within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def await_ready(process: Process, log: Path, ready: Callable[[], bool], within: float) -> None:
    """Wait until `ready`; raises Unavailable with the end of the log when it dies or takes too long."""
    if wait_until(lambda: not alive(process) or ready(), within) and alive(process):
        return
    what = f"did not answer within {within:.0f} s" if alive(process) else "ended while starting"
    raise Unavailable(process.name, f"{what}. The end of {log}:\n{tail(log)}")


def tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return "(no log was written)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    """A free port on 127.0.0.1, below the range that outgoing connections take theirs from."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
