"""Worker processes between two topics of a test's own."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tests.kafka import Offsets, read_all, until, values
from tests.streams.copier import CRASHED


@dataclass
class Place:
    """A source and a target topic, a group, and worker processes of one kind of host between them."""

    bootstrap: str
    host: str
    source: str
    target: str
    group: str
    environment: dict[str, str]
    log: Path
    offsets: Offsets
    workers: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, bug: str = "none") -> "subprocess.Popen[str]":
        wanted = {"host": self.host, "source": self.source, "target": self.target, "group": self.group, "bug": bug}
        command = [sys.executable, "-m", "tests.streams.copier", orjson.dumps(wanted).decode()]
        with self.log.open("a") as log:
            worker = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True)
        self.workers.append(worker)
        return worker

    @contextmanager
    def running(self, bug: str = "none") -> Iterator["subprocess.Popen[str]"]:
        worker = self.start(bug)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        yield worker
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(40) == 0

    async def crash(self, bug: str) -> str:
        """What the worker says as it crashes."""
        return await self.crashes(self.start(bug))

    async def crashes(self, worker: "subprocess.Popen[str]", wait_s: float = 40) -> str:
        said, _ = await asyncio.to_thread(worker.communicate, timeout=wait_s)
        assert worker.returncode == CRASHED
        return said

    async def until_committed(self, count: int, wait_s: float = 40) -> None:
        async def reached() -> bool:
            return await self.committed() >= count

        await until(reached, f"{count} records committed", wait_s)

    async def committed(self) -> int:
        return sum((await asyncio.to_thread(self.offsets.of, self.source)).values())

    def results(self) -> list[bytes]:
        return values(read_all(self.bootstrap, self.target))
