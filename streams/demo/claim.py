"""Who stops what: a demo stops what it started, and what a killed demo before it left running."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from infra.local.process import Process, alive, find
from infra.local.record import recall, write_json
from infra.local.stack import RunningStack, running
from infra.local.supervisor import read_state, stop_supervisor
from schemas.errors import BadSettings

FORCED = 130
"""Exit code after the second signal."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a demo has to stop. pid, created: the demo's own process."""

    pid: int
    created: float
    services: bool
    roles: bool


def claim(data_dir: Path, environ: Mapping[str, str]) -> Claim:
    """Note in the directory what this demo will have started. Raises BadSettings where another demo runs there."""
    before = _read(data_dir)
    if before is not None and alive(Process("demo", before.pid, before.created)):
        raise BadSettings(f"a demo runs on {data_dir} already (pid {before.pid}): stop it, or set DATA_DIR")
    services = running(data_dir, environ) is None
    if services and read_state(data_dir) is not None:
        stop_supervisor(data_dir)  # its roles know services that are gone
    mine = Claim(
        os.getpid(),
        psutil.Process().create_time(),
        services or (before is not None and before.services),
        read_state(data_dir) is None or (before is not None and before.roles),
    )
    write_json(_file(data_dir), asdict(mine))
    return mine


def release(data_dir: Path, mine: Claim, stack: RunningStack | None) -> None:
    """Stop what the claim names."""
    if mine.roles:
        stop_supervisor(data_dir)
    if mine.services and stack is not None:
        stack.stop()
    _file(data_dir).unlink(missing_ok=True)


@contextmanager
def forced_by_a_second_signal(data_dir: Path, mine: Claim) -> Iterator[None]:
    """While stopping, another Ctrl-C kills what is to be stopped and ends this process at once."""

    def force(*_: Any) -> None:
        for process in _processes(data_dir, mine):
            victim = find(process)
            if victim is not None:
                victim.kill()
        os._exit(FORCED)

    before = {number: signal.signal(number, force) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _processes(data_dir: Path, mine: Claim) -> list[Process]:
    state = read_state(data_dir) if mine.roles else None
    roles = [state, *state["roles"]] if state else []
    found = [Process("role", role["pid"], role["created"]) for role in roles if role["pid"]]
    if mine.services:
        found += [service.process for service in recall(data_dir) if service.process is not None]
    return found


def _file(data_dir: Path) -> Path:
    return data_dir / "demo.json"


def _read(data_dir: Path) -> Claim | None:
    try:
        return Claim(**json.loads(_file(data_dir).read_text()))
    except FileNotFoundError:
        return None
