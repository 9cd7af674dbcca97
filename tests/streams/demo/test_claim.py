import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from infra.local.process import alive
from infra.local.supervisor import Role, read_state, start_supervisor, stop_supervisor
from schemas.errors import BadSettings
from streams.demo.claim import Claim, claim, release
from streams.demo.phases import Phases
from streams.demo.platform import port

DEAD = Claim(pid=2**22, created=1.0, services=True, roles=True)


def leave(folder: Path, before: Claim) -> None:
    (folder / "demo.json").write_text(json.dumps(asdict(before)))


def test_on_an_empty_directory_all_is_the_demos_to_stop(tmp_path: Path) -> None:
    mine = claim(tmp_path, {})
    assert (mine.pid, mine.services, mine.roles) == (os.getpid(), True, True)
    release(tmp_path, mine, None)
    assert not (tmp_path / "demo.json").exists()


def test_what_a_killed_demo_left_is_the_next_ones_to_stop(tmp_path: Path) -> None:
    leave(tmp_path, DEAD)
    assert claim(tmp_path, {}).services


def test_two_demos_do_not_share_a_directory(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        leave(tmp_path, Claim(other.pid, psutil.Process(other.pid).create_time(), True, True))
        with pytest.raises(BadSettings, match=f"pid {other.pid}"):
            claim(tmp_path, {})
    finally:
        other.communicate()


def test_roles_whose_services_are_gone_are_stopped(tmp_path: Path) -> None:
    supervisor = start_supervisor(tmp_path, [Role("scorer", ("sleep", "60"))], os.environ)
    claim(tmp_path, {})
    assert not alive(supervisor)
    assert read_state(tmp_path) is None


def test_a_taken_port_is_avoided_and_said() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken, tempfile.TemporaryDirectory() as folder:
        number = taken.getsockname()[1]
        assert port(Path(folder), {"PORT": str(number)}, Phases(said.append)) != number
    assert said[0].startswith(f"port      {number} is taken")


def test_a_gateway_that_runs_keeps_its_port(tmp_path: Path) -> None:
    gateway = Role("gateway", ("sleep", "60"), "http://127.0.0.1:23456")
    start_supervisor(tmp_path, [gateway], os.environ)
    try:
        assert port(tmp_path, {}, Phases(print)) == 23456
    finally:
        stop_supervisor(tmp_path)
