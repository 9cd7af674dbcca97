"""`weir ...` as processes that are forked off one which has its libraries loaded: half of a start went into those."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

LIBRARIES = [
    "aiokafka",
    "alembic",
    "confluent_kafka",
    "cryptography.hazmat.primitives.ciphers.aead",
    "faust.app",
    "faust.agents",
    "faust.transport.drivers.aiokafka",
    "httpx",
    "msgspec",
    "numpy",
    "onnxruntime",
    "psycopg",
    "pydantic",
    "redis.asyncio",
    "scipy.stats",
    "sqlalchemy.dialects.postgresql",
    "starlette.applications",
    "uvicorn",
    "uvloop",
]
"""None that reads its environment as it loads, and nothing of ours: each process imports that by itself."""
ROOT = Path(__file__).parents[2]


class Forked:
    """A process in the checkout, as `subprocess.Popen` offers one. out, error: the files that it writes to."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], out: Path, error: Path) -> None:
        args = (list(arguments), dict(environment), out, error)
        self._process: ForkServerProcess = _context().Process(target=_run, args=args, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    given = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # as `weir run` has it before it loads them
    forkserver.ensure_running()
    if given is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = given
    return context


def _run(arguments: list[str], environment: dict[str, str], out: Path, error: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for file, number in ((out, 1), (error, 2)):
        with file.open("ab") as output:
            os.dup2(output.fileno(), number)
    sys.argv = ["weir", *arguments]
    from streams.cli import main

    main()
