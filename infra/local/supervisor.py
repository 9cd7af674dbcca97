"""Keeps role processes running: restarts the one that fails, stops all when told.

`python -m infra.local.supervisor DATA_DIR` runs the roles of DATA_DIR/roles.json until SIGTERM or
SIGINT and shows them in DATA_DIR/supervisor.json.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from infra.local.process import Process, alive, await_ready, spawn, stop, wait_until
from infra.local.record import write_json
from infra.local.wheel_kafka import importable

HEALTHY_AFTER = 60.0
LONGEST_DELAY = 30.0
# Longer than a worker's drain.
STOP_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Role:
    """One process to keep: its name, its command, and where it answers, if anywhere."""

    name: str
    argv: tuple[str, ...]
    address: str = ""


@dataclass(slots=True)
class Kept:
    """A role under supervision. `due`: monotonic second of its next start, None while it runs or is done."""

    role: Role
    process: Process | None = None
    restarts: int = 0
    failures: int = 0
    due: float | None = 0.0

    @property
    def state(self) -> str:
        if self.process is not None:
            return "running"
        return "done" if self.due is None else "waiting"


def delay(failures: int) -> float:
    """Seconds to wait before the next start after so many failures in a row: 1, 2, 4 ... 30."""
    return float(min(2.0 ** min(failures - 1, 10), LONGEST_DELAY))


def supervise(data_dir: Path, roles: Sequence[Role], environ: Mapping[str, str], told: threading.Event) -> None:
    """Run the roles until `told` is set or every one has exited with 0."""
    kept = [Kept(role) for role in roles]
    try:
        while not told.is_set() and any(one.state != "done" for one in kept):
            if any([look_after(one, data_dir, environ) for one in kept]):
                show(data_dir, kept)
            told.wait(0.2)
    finally:
        stop_all([one.process for one in kept if one.process is not None])
        (data_dir / "supervisor.json").unlink(missing_ok=True)


def look_after(one: Kept, data_dir: Path, environ: Mapping[str, str]) -> bool:
    """Notice an exit, start what is due; whether anything changed."""
    now = time.monotonic()
    if one.process is not None:
        return notice_exit(one, one.process, now)
    if one.due is None or now < one.due:
        return False
    log = data_dir / "log" / f"{one.role.name}.log"
    one.process = spawn(one.role.name, one.role.argv, log=log, environ=environ, leash=True, cwd=Path.cwd())
    one.due = None
    return True


def notice_exit(one: Kept, process: Process, now: float) -> bool:
    assert process.handle is not None
    code = process.handle.poll()
    if code is None:
        return False
    one.process = None
    if code == 0:
        return True
    lived = time.time() - process.created
    one.failures = 1 if lived >= HEALTHY_AFTER else one.failures + 1
    one.restarts += 1
    one.due = now + delay(one.failures)
    print(f"{one.role.name} exited with {code}: again in {delay(one.failures):.0f} s", flush=True)
    return True


def stop_all(processes: Sequence[Process], within: float = STOP_WITHIN) -> None:
    """Ask all to end at once, wait for all, kill the rest."""
    for process in processes:
        assert process.handle is not None
        process.handle.terminate()
    wait_until(lambda: not any(alive(process) for process in processes), within)
    for process in processes:
        stop(process, with_signal=signal.SIGKILL)


def show(data_dir: Path, kept: Sequence[Kept]) -> None:
    rows = [
        {
            "name": one.role.name,
            "state": one.state,
            "address": one.role.address,
            "restarts": one.restarts,
            "pid": one.process.pid if one.process else None,
            "created": one.process.created if one.process else None,
        }
        for one in kept
    ]
    write_json(data_dir / "supervisor.json", {**myself(), "roles": rows})


def myself() -> dict[str, Any]:
    return {"pid": os.getpid(), "created": psutil.Process().create_time()}


def start_supervisor(data_dir: Path, roles: Sequence[Role], environ: Mapping[str, str]) -> Process:
    """Start the roles under a supervisor that outlives this process; answers once it shows them."""
    write_json(data_dir / "roles.json", [asdict(role) for role in roles])
    log = data_dir / "log" / "supervisor.log"
    process = spawn(
        "supervisor",
        [sys.executable, "-m", "infra.local.supervisor", data_dir],
        log=log,
        environ=importable(environ),
        cwd=Path.cwd(),
    )
    await_ready(process, log, lambda: read_state(data_dir) is not None, within=20.0)
    return process


def read_state(data_dir: Path) -> dict[str, Any] | None:
    """What the living supervisor of this directory shows: pid, created, roles; None without one."""
    file = data_dir / "supervisor.json"
    if not file.exists():
        return None
    state: dict[str, Any] = json.loads(file.read_text())
    return state if alive(Process("supervisor", state["pid"], state["created"])) else None


def stop_supervisor(data_dir: Path) -> bool:
    """Stop the supervisor and with it its roles; whether there was one."""
    state = read_state(data_dir)
    if state is None:
        return False
    stop(Process("supervisor", state["pid"], state["created"]), within=STOP_WITHIN + 10)
    return True


def main(data_dir: Path) -> None:
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    plan = json.loads((data_dir / "roles.json").read_text())
    roles = [Role(row["name"], tuple(row["argv"]), row["address"]) for row in plan]
    supervise(data_dir, roles, dict(os.environ), told)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
