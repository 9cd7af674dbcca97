"""`weir run`: how a worker's process ends."""

import subprocess
import sys

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


def test_a_crashed_worker_ends_whatever_its_threads_do() -> None:
    """Only a process that ends is started again."""
    command = [sys.executable, "-c", CRASHES]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "went away" in ended.stderr
