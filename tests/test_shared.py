"""What pytest's processes share is made by one of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import VARIABLE, made_once

ASKS = """
import sys
from tests.shared import made_once

sys.stdin.readline()

def make():
    print("made", flush=True)
    return b"the thing"

assert made_once("thing", make) == b"the thing"
"""


def test_of_processes_that_ask_at_once_one_makes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ASKS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environ = os.environ | {VARIABLE: str(tmp_path)}
    asking = [subprocess.Popen(command, env=environ, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for process in asking:
        process.stdin.write("go on\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in asking]
    assert sorted(said) == ["", "", "made\n"]
    assert [process.returncode for process in asking] == [0, 0, 0]


def test_what_could_not_be_made_is_made_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    def fail() -> bytes:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        made_once("thing", fail)
    assert made_once("thing", lambda: b"whole") == b"whole"
