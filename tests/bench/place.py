"""Where it is measured: a stack of the benchmark's own, one model, and lanes of topics on it."""

import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from confluent_kafka.admin import AdminClient
from rich.console import Console

from infra import artifacts
from infra.auth import get_key_manager
from infra.kafka import client_options
from infra.local.process import Process, alive, spawn, stop, tail
from infra.local.stack import RunningStack, start
from models.bundle import read_bundle
from schemas.errors import Unavailable
from streams.cli.training import TrainingOrder, trained
from streams.settings import Settings
from streams.topics import create_topics
from tests.stack import fresh_database

ROOT = Path(__file__).parents[2]
STEP_S = 0.05
DELETE_S = 30.0
LIMIT_PER_HOUR = 10_000_000
KEYS = 3

Report = Callable[[str], None]


class Key(NamedTuple):
    """An API key as its owner knows it."""

    api_key: str
    key_id: str


@dataclass(frozen=True)
class Lane:
    """Topics of their own, and keys whose limits are never reached; `environment` is for processes on it."""

    settings: Settings
    environment: Mapping[str, str]
    keys: tuple[Key, ...]

    def topic(self, name: str) -> str:
        return self.settings.topic(name)


@dataclass(frozen=True)
class Started:
    """A process and the file that it logs to."""

    process: Process
    log: Path

    def check(self) -> None:
        """Raises Unavailable with the end of the log where the process has ended."""
        if not alive(self.process):
            raise Unavailable(self.process.name, f"ended unasked. The end of its log:\n{tail(self.log, 30)}")

    def await_true(self, condition: Callable[[], bool], what: str, within_s: float) -> None:
        """Wait for a condition while the process lives. Raises Unavailable."""
        deadline = time.monotonic() + within_s
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                log = tail(self.log, 10)
                raise Unavailable(self.process.name, f"not within {within_s:.0f} s: {what}. Its log:\n{log}")
            time.sleep(STEP_S)


@dataclass
class Place:
    """The stack, and what is made on it; all of it goes away with the `with` of `measuring`."""

    stack: RunningStack
    folder: Path
    database_url: str
    report: Report

    def __post_init__(self) -> None:
        self._name = f"bench-{uuid4().hex[:6]}"
        self.store = f"file://{self.folder}/models"
        self._lanes = count()

    def train(self, algorithm: str) -> None:
        """Publish a churn model trained on simulated customers."""
        order = TrainingOrder(None, None, None, algorithm, rows=20_000, seed=7)
        files = trained(order, datetime.now(UTC), Console(quiet=True))
        manifest = read_bundle(files).manifest
        artifacts.publish(self.store, manifest.name, manifest.version, files)
        self.report(f"trained {manifest.name}, {algorithm}, ROC AUC {manifest.metrics['roc_auc']:.3f}")

    def lane(self, **more: str) -> Lane:
        """New topics with new keys; `more` goes into the environment."""
        metrics = Path(tempfile.mkdtemp(prefix="metrics-", dir=self.folder))
        given = {
            **os.environ,
            **self.stack.environment,
            "DATABASE_URL": self.database_url,
            "DATA_DIR": str(self.folder),
            "MODEL_STORE": self.store,
            "MODEL_NAME": "churn",
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "TOPIC_PREFIX": f"{self._name}-{next(self._lanes)}-",
            "RATE_LIMIT_ENABLED": "true",
            "LOG_LEVEL": "INFO",
            **more,
        }
        settings = Settings.read(given)
        create_topics(settings)
        return Lane(settings, given, tuple(_new_key(settings, number) for number in range(KEYS)))

    @contextmanager
    def role(self, name: str, lane: Lane, *options: str) -> Iterator[Started]:
        """`weir run ROLE` on a lane."""
        with self.python(name, lane, "-m", "streams.cli", "run", name, *options) as started:
            yield started

    @contextmanager
    def python(self, name: str, lane: Lane, *arguments: str) -> Iterator[Started]:
        """A Python process on a lane, killed in the end: nobody goes on where it stopped."""
        log = self.folder / "log" / f"{lane.settings.topic_prefix}{name}.log"
        command = [sys.executable, *arguments]
        process = spawn(name, command, log=log, environ=lane.environment, leash=True, cwd=ROOT)
        try:
            yield Started(process, log)
        finally:
            stop(process, with_signal=signal.SIGKILL)

    def forget_topics(self) -> None:
        """Delete every topic made here: the broker may be one that stays."""
        admin = AdminClient(client_options(Settings.read(self.stack.environment)))
        known: Any = admin.list_topics(timeout=DELETE_S)
        names = [name for name in known.topics if name.startswith(self._name)]
        for future in admin.delete_topics(names).values() if names else ():
            future.result(DELETE_S)


@contextmanager
def measuring(report: Report) -> Iterator[Place]:
    """A place on a fresh stack. Raises BadSettings where only the wheel broker is there."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-", ignore_cleanup_errors=True) as folder:
        stack = start(Path(folder) / "stack", os.environ, require_real_broker=True, leash=True, report=report)
        try:
            with fresh_database(stack.environment["DATABASE_URL"]) as database_url:
                place = Place(stack, Path(folder), database_url, report)
                yield place
                if stack.broker == "external":
                    place.forget_topics()
        finally:
            gc.collect()  # clients that form cycles would otherwise complain about the broker's end
            stack.stop()


def _new_key(settings: Settings, number: int) -> Key:
    manager = get_key_manager(settings)
    api_key = manager.create_key(f"bench {number}", rate_limit=LIMIT_PER_HOUR, burst=LIMIT_PER_HOUR, test=True)
    key = manager.validate_key(api_key)
    assert key is not None
    return Key(api_key, key.key_id)
