import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.process import Process, alive, find, stop, wait_until
from infra.local.supervisor import Role, delay, read_state, start_supervisor, stop_supervisor
from tests.stack import measured

LIVE = "import signal; signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


def role(name: str, code: str) -> Role:
    return Role(name, (sys.executable, "-c", code))


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    state = read_state(folder)
    return {row["name"]: row for row in state["roles"]} if state else {}


def process(row: dict[str, Any]) -> Process:
    return Process(row["name"], row["pid"], row["created"])


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    supervisors: list[Process] = []

    def start(*roles: Role) -> Process:
        supervisors.append(start_supervisor(tmp_path, roles, measured(os.environ)))
        return supervisors[-1]

    yield start
    for supervisor in supervisors:
        stop(supervisor)


def test_a_crashing_role_is_restarted_and_others_are_left_alone(tmp_path: Path, started) -> None:
    started(role("steady", LIVE), role("crashing", "raise SystemExit(3)"))
    steady = process(rows(tmp_path)["steady"])
    assert wait_until(lambda: rows(tmp_path)["crashing"]["restarts"] >= 2, within=20)
    assert alive(steady)
    assert rows(tmp_path)["steady"]["restarts"] == 0
    assert "crashing exited with 3: again in 1 s" in (tmp_path / "log" / "supervisor.log").read_text()


def test_a_killed_role_comes_back_as_another_process(tmp_path: Path, started) -> None:
    started(role("steady", LIVE))
    first = process(rows(tmp_path)["steady"])
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until(lambda: rows(tmp_path)["steady"]["pid"] not in (first.pid, None), within=20)


def test_a_role_that_exits_with_0_is_done(tmp_path: Path, started) -> None:
    supervisor = started(role("short", "import time; time.sleep(1)"))
    assert wait_until(lambda: not alive(supervisor), within=20)
    assert read_state(tmp_path) is None


def test_stopping_ends_supervisor_and_roles(tmp_path: Path, started) -> None:
    supervisor = started(role("one", LIVE), role("two", LIVE))
    roles = [process(row) for row in rows(tmp_path).values()]
    assert stop_supervisor(tmp_path)
    assert not any(alive(one) for one in [supervisor, *roles])
    assert not stop_supervisor(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_roles_do_not_outlive_a_killed_supervisor(tmp_path: Path, started) -> None:
    supervisor = started(role("deaf", DEAF))
    log = tmp_path / "log" / "deaf.log"
    assert wait_until(lambda: log.exists() and "deaf" in log.read_text(), within=20)
    orphan = process(rows(tmp_path)["deaf"])
    os.kill(supervisor.pid, signal.SIGKILL)
    assert wait_until(lambda: not alive(orphan), within=10)


def test_delays_double_up_to_30_seconds() -> None:
    assert [delay(failures) for failures in (1, 2, 3, 4, 5, 6, 5000)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_pid_that_another_process_took_over_is_not_touched() -> None:
    impostor = Process("kafka", os.getpid(), created=1.0)
    assert find(impostor) is None
    stop(impostor)
