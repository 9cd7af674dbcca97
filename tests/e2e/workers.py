"""Roles as processes, each with its log."""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.e2e.forked import ROOT, Forked
from tests.stack import is_measured

STOP_S = 40.0
CLI_S = 60.0
_numbers = count(1)


@dataclass(frozen=True)
class Worker:
    """One process of one role."""

    role: str
    process: "Forked | subprocess.Popen[bytes]"
    log: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def url(self) -> str | None:
        """Where a gateway listens, once it says so."""
        assert self.running, f"{self.role} ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}"
        found = re.search(r"listening on (127\.0\.0\.1:\d+)", self.log.read_text())
        return f"http://{found[1]}" if found else None

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said."""
        self.process.kill()
        self.process.wait(STOP_S)

    def stop(self) -> None:
        """SIGTERM: the worker drains and ends well."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S)
        assert code == 0, f"{self.role} ended with {code}:\n{self.log.read_text()[-4000:]}"


def start_worker(role: str, environment: Mapping[str, str], folder: Path) -> Worker:
    log = folder / f"{next(_numbers):02d}-{role}.log"
    log.touch()
    if not is_measured(environment):
        return Worker(role, Forked(["run", role], environment, log, log), log)
    with log.open("wb") as output:
        command = [sys.executable, "-m", "streams.cli", "run", role]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    return Worker(role, process, log)


def run_cli(arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """What `weir` with these arguments prints."""
    with tempfile.TemporaryDirectory(prefix="weir-cli-") as folder:
        out, error = Path(folder) / "out", Path(folder) / "error"
        process = Forked(arguments, {**environment, "COLUMNS": "200"}, out, error)
        try:
            code = process.wait(CLI_S)
        finally:
            process.kill()
        return subprocess.CompletedProcess(["weir", *arguments], code, out.read_text(), error.read_text())


def check_alive(workers: Sequence[Worker]) -> None:
    """None has ended by itself: what a test kills ends with SIGKILL, what it stops with 0."""
    for worker in workers:
        code = worker.process.poll()
        assert code in (None, 0, -signal.SIGKILL), f"{worker.role} ended with {code}"


def check_logs(workers: Sequence[Worker], secrets: Sequence[str], expected: Sequence[str] = ()) -> None:
    """No log line has an exception or an error of ours besides these, none holds a secret, and each is JSON."""
    for worker in workers:
        text = worker.log.read_text()
        assert not [secret for secret in secrets if secret in text], f"a secret stands in {worker.log}"
        for line in text.splitlines():
            entry = json.loads(line)
            assert "exception" not in entry, line
            is_error = entry["level"] not in ("DEBUG", "INFO", "WARNING") and entry["logger"].startswith("weir")
            assert not is_error or any(known in entry["message"] for known in expected), line
