"""What a worker stands on ends it when it dies: only a process that ends is started again."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infra.local.stack import RunningStack
from streams.cli import weir

DEATHS = {
    "the view of the keys": """
from streams.compacted import CompactedView
async def die(view):
    raise RuntimeError("the view died")
CompactedView._follow = die
""",
    "the producer": """
from streams.producer import Producer
Producer.broken = property(lambda producer: "the producer died")
""",
}
RUN = """
import sys
from streams.cli import main
sys.argv = ["weir", "run", sys.argv[1]]
main()
"""
CASES = [(role, what) for role in ("scorer", "sink") for what in DEATHS]


@pytest.fixture(scope="module")
def running(
    stack: RunningStack, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Any, "subprocess.Popen[str]"]]:
    """A worker for each case, all at once."""
    folder = tmp_path_factory.mktemp("workers")
    own = {"DATABASE_URL": new_database(), "MODEL_STORE": f"file://{folder}/models", "DATA_DIR": str(folder)}
    environ = {**os.environ, **stack.environment, **own, "TOPIC_PREFIX": f"{folder.name}-worker-"}
    for verb in (["topics", "create"], ["models", "train", "--rows", "400"]):
        assert CliRunner(env=environ).invoke(weir, verb).exit_code == 0
    workers = {}
    for role, what in CASES:
        command = [sys.executable, "-c", DEATHS[what] + RUN, role]
        root = Path(__file__).parents[2]
        workers[role, what] = subprocess.Popen(command, env=environ, cwd=root, stderr=subprocess.PIPE, text=True)
    yield workers
    for worker in workers.values():
        worker.kill()
        worker.communicate()


@pytest.mark.parametrize(("role", "what"), CASES)
def test_it_ends_with_1_and_says_what_died(role: str, what: str, running: dict[Any, "subprocess.Popen[str]"]) -> None:
    _, told = running[role, what].communicate(timeout=60)
    assert running[role, what].returncode == 1
    assert f'"message": "ready: {role} on' in told
    assert f"{what.split()[1]} died" in told
