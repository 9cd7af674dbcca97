"""Several processes behind one command begin and end together."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from infra.local.process import wait_until

ROOT = Path(__file__).parents[2]
WITHIN_S = 20.0
FLEET = """
import sys
from streams.fleet import Fleet
sys.exit(Fleet([sys.executable, "-c", *sys.argv[2:]], int(sys.argv[1])).run())
"""
WORKER = """
import os, pathlib, signal, sys
folder, me = pathlib.Path(sys.argv[1]), os.getpid()

def drain(*_):
    (folder / f"{me}.drained").touch()
    os._exit(0)

signal.signal(signal.SIGTERM, drain)
(folder / f"{me}.up").touch()
while True:
    signal.pause()
"""


@contextmanager
def fleet(folder: Path, count: int = 3) -> Iterator[tuple["subprocess.Popen[bytes]", list[int]]]:
    """A fleet of workers that are all up, and their pids."""
    parent = subprocess.Popen([sys.executable, "-c", FLEET, str(count), WORKER, str(folder)], cwd=ROOT)
    try:
        assert wait_until(lambda: len(list(folder.glob("*.up"))) == count, WITHIN_S)
        yield parent, [int(path.stem) for path in folder.glob("*.up")]
    finally:
        parent.kill()
        parent.wait(WITHIN_S)


def drained(folder: Path) -> set[int]:
    return {int(path.stem) for path in folder.glob("*.drained")}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_process_is_asked_to_drain_and_the_fleet_ends_well(tmp_path: Path, number: int) -> None:
    with fleet(tmp_path) as (parent, pids):
        parent.send_signal(number)
        assert parent.wait(WITHIN_S) == 0
    assert drained(tmp_path) == set(pids)


def test_where_one_crashes_the_others_drain_and_its_exit_code_is_the_fleets(tmp_path: Path) -> None:
    with fleet(tmp_path) as (parent, pids):
        psutil.Process(pids[0]).kill()
        assert parent.wait(WITHIN_S) == 128 + signal.SIGKILL
    assert drained(tmp_path) == set(pids[1:])


def test_where_one_is_stopped_the_others_drain_too(tmp_path: Path) -> None:
    with fleet(tmp_path) as (parent, pids):
        psutil.Process(pids[0]).terminate()
        assert parent.wait(WITHIN_S) == 0
    assert drained(tmp_path) == set(pids)


EARLY = """
import os, signal, subprocess, sys
from streams.fleet import Fleet
start = subprocess.Popen

def started(*arguments, **more):
    child = start(*arguments, **more)
    os.kill(os.getpid(), signal.SIGTERM)
    return child

subprocess.Popen = started
Fleet([sys.executable, "-c", "import signal; signal.pause()"], 3).run()
"""


def test_a_fleet_told_to_end_while_it_starts_leaves_nobody_behind() -> None:
    subprocess.run([sys.executable, "-c", EARLY], cwd=ROOT, timeout=WITHIN_S, check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a killed process")
def test_no_process_outlives_a_fleet_that_was_killed(tmp_path: Path) -> None:
    with fleet(tmp_path) as (parent, pids):
        parent.kill()
        assert wait_until(lambda: not any(map(psutil.pid_exists, pids)), WITHIN_S)


@pytest.mark.parametrize("processes", ["2", "auto"])
def test_a_gateway_is_no_fleet(processes: str) -> None:
    command = [sys.executable, "-m", "streams.cli", "run", "gateway", "--processes", processes]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=WITHIN_S, check=False)
    assert ended.returncode != 0
    assert "--processes: a gateway listens on a port of its own" in ended.stderr
    assert "Traceback" not in ended.stderr
