"""A page's commands as somebody runs them who has `weir` on the PATH."""

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

Run = Callable[..., str]
"""Runs a command line, with more variables by name, and returns what it prints."""


def shell(folder: Path, more: Mapping[str, str], *, without: Collection[str]) -> Run:
    """Runs in this folder with these variables and the present ones but those named; each command must succeed."""
    given = {name: value for name, value in os.environ.items() if name not in without}
    path = f"{Path(sys.executable).parent}{os.pathsep}{given['PATH']}"
    environ = {**given, "PATH": path, **more}

    def run(line: str, **more: str) -> str:
        command = ["bash", "-euc", line]
        done = subprocess.run(
            command, cwd=folder, env=environ | more, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run
