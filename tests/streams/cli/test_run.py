"""`weir run`: how a worker's process begins and ends."""

import os
import subprocess
import sys

import pytest

from infra.local.stack import RunningStack
from streams.cli.run import cores

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

COUNTS = """
import os, sys
if "ONLY_CORE" in os.environ:
    os.sched_setaffinity(0, {int(os.environ["ONLY_CORE"])})
from streams.cli import main, run

run._run_one = lambda role, settings: print(role, 1) or 0
run._run_several = lambda role, settings, count: print(role, count) or 0
sys.argv = ["weir", "run", *sys.argv[1:]]
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


def counted(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What `weir run` would start."""
    command = [sys.executable, "-c", COUNTS, *arguments]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's")
def test_auto_is_a_process_for_each_core_that_it_may_use() -> None:
    mine = sorted(os.sched_getaffinity(0))
    assert counted("scorer", "--processes", "auto").stdout == f"scorer {cores()}\n"
    assert 1 <= cores() <= len(mine)
    assert counted("scorer", "--processes", "auto", ONLY_CORE=str(mine[0])).stdout == "scorer 1\n"


def test_how_many_is_a_number_or_auto() -> None:
    assert counted("sink").stdout == "sink 1\n"
    assert counted("sink", "--processes", "3").stdout == "sink 3\n"
    refused = counted("sink", "--processes", "many")
    assert refused.returncode != 0
    assert "'many' is neither a number nor auto" in refused.stderr


FINDS = """
import sys
from streams.cli import main, run

run._run_one = lambda role, given: print(given.kafka_bootstrap_servers, given.prometheus_multiproc_dir, given.data_dir)
sys.argv = ["weir", "run", "trainer"]
main()
"""


def test_a_trainer_finds_the_platform_that_runs_here(stack: RunningStack) -> None:
    """`weir up` starts none."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = {**bare, "DATA_DIR": str(stack.data_dir), "REDIS_URL": stack.environment["REDIS_URL"]}
    command = [sys.executable, "-c", FINDS]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    broker, folder = stack.environment["KAFKA_BOOTSTRAP_SERVERS"], stack.data_dir
    assert done.stdout == f"{broker} {folder}/metrics {folder}\n"


def test_a_trainer_is_one_process() -> None:
    refused = counted("trainer", "--processes", "2")
    assert refused.returncode == 1
    assert "a trainer retrains one model at a time" in refused.stderr
    assert counted("trainer").stdout == "trainer 1\n"
