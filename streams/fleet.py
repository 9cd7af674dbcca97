"""Several processes of one role behind one command: one consumer group, a core for each."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from infra.local.process import LEASH

log = logging.getLogger("weir.fleet")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Fleet:
    """Copies of one command. All of them end where one does: who restarts a fleet restarts it whole.

    A copy never outlives this process (on Linux), whatever ends it.
    """

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), "-", *command]
        self._count = count
        self._pids: set[int] = set()
        self._told = False

    def run(self) -> int:
        """Runs them until SIGTERM or SIGINT, which each is told, or until one ends; the first exit code but 0, or 0."""
        before = [signal.signal(number, self._hear) for number in SIGNALS]
        try:
            while len(self._pids) < self._count and not self._told:
                self._pids.add(subprocess.Popen(self._command, stdin=subprocess.DEVNULL).pid)
            if self._told:  # perhaps before the last of them was known
                self._tell()
            return self._outlast()
        finally:
            for number, handler in zip(SIGNALS, before, strict=True):
                signal.signal(number, handler)

    def _outlast(self) -> int:
        code = 0
        while self._pids:
            pid, status = os.wait()
            if pid not in self._pids:
                continue
            self._pids.remove(pid)
            ended = os.waitstatus_to_exitcode(status)
            if not self._told:
                log.warning("process %d ended with %d: the other %d end, too", pid, ended, len(self._pids))
            code = code or (128 - ended if ended < 0 else ended)
            self._tell()
        return code

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._tell()

    def _tell(self) -> None:
        """Ask every copy to drain; one that was asked before goes on draining."""
        self._told = True
        for pid in self._pids:
            with suppress(ProcessLookupError):  # one that has just ended
                os.kill(pid, signal.SIGTERM)
