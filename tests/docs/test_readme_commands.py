"""The README's commands, run as they stand on a platform that `weir up` started."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.process import free_port
from infra.local.stack import VARIABLES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
Run = Callable[..., str]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a command line in the checkout, in the environment of somebody who ran `weir up`."""
    with tempfile.TemporaryDirectory(prefix="weir-readme-", ignore_cleanup_errors=True) as folder:
        given = {name: value for name, value in os.environ.items() if name not in VARIABLES.values()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{given['PATH']}"
        environ = {**given, "PATH": path, "DATA_DIR": folder, "PORT": str(free_port())}

        def run(line: str, **more: str) -> str:
            command = ["bash", "-euc", line]
            done = subprocess.run(
                command, cwd=ROOT, env=environ | more, capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            return done.stdout

        run("weir up")
        try:
            yield run
        finally:
            run("weir down")


@pytest.fixture(scope="module")
def visitor(run: Run) -> dict[str, str]:
    """What the README tells to export."""
    status = json.loads(run("weir status --json"))
    addresses = {one["name"]: one["address"] for one in [*status["services"], *status["roles"]]}
    key = json.loads(run("weir keys create --name me --json"))
    return {
        "WEIR_API_KEY": key["key"],
        "WEIR_KEY_ID": key["id"],
        "WEIR_URL": addresses["gateway"],
        "KAFKA_BOOTSTRAP_SERVERS": addresses["kafka"],
    }


def command(begins: str) -> str:
    """The line of the README that begins like this, without its comment."""
    [line] = re.findall(rf"^({re.escape(begins)}.*?)(?:\s+#.*)?$", README, re.MULTILINE)
    return line


def test_the_curl_answers(run: Run, visitor: dict[str, str]) -> None:
    answer = json.loads(run(command("bash docs/"), **visitor))
    assert (answer["status"], answer["entity"]) == ("ok", "c-42")


def test_the_python_example_predicts_and_tells_the_truth(run: Run, visitor: dict[str, str]) -> None:
    said = run(command("python docs/"), **visitor)
    assert re.match(r"c-42: ok, risk \d+ of 100\n20 of 20 predicted\n", said)


def test_weir_produce_sends_the_file(run: Run, visitor: dict[str, str]) -> None:
    said = run(command("weir produce"), **visitor)
    assert re.search(r"result ok\W+8\b", said)
