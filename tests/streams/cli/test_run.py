"""`weir run`: how a worker's process begins and ends."""

import os
import subprocess
import sys

import pytest

CRASHES = """
import sys, threading
from schemas.errors import Unavailable
from streams import worker

async def crash(role, settings):
    threading.Thread(target=threading.Event().wait).start()
    raise Unavailable("kafka", "went away")

worker._work = crash
from streams.cli import main
sys.argv = ["weir", "run", "sink"]
main()
"""

LOOKS = """
import os, sys
from streams.cli import main, run

def look(role, settings):
    assert "numpy" not in sys.modules
    import numpy
    from threadpoolctl import threadpool_info
    print(os.environ["OMP_NUM_THREADS"], *{pool["num_threads"] for pool in threadpool_info()})
    return 0

run._run_one = look
sys.argv = ["weir", "run", "scorer"]
main()
"""


@pytest.mark.parametrize(("given", "threads"), [({}, 1), ({"OMP_NUM_THREADS": "2"}, 2)], ids=["unset", "set"])
def test_a_worker_computes_in_one_thread_unless_told_otherwise(given: dict[str, str], threads: int) -> None:
    """What the libraries say of themselves; how many more they take depends on the machine."""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")} | given
    command = [sys.executable, "-c", LOOKS]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    setting, *pools = map(int, done.stdout.split())
    assert setting == threads
    assert threads > 1 or pools == [1]


def test_a_crashed_worker_ends_whatever_its_threads_do() -> None:
    """Only a process that ends is started again."""
    command = [sys.executable, "-c", CRASHES]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "went away" in ended.stderr
