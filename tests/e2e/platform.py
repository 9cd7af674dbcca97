"""A pipeline of a test's own on the session's stack: its topics, database and model, its roles as real processes."""

import os
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, closing
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from infra.auth import get_key_manager
from streams import topology
from streams.settings import Settings
from streams.topics import TOPICS, create_topics
from tests.e2e.groups import shares
from tests.e2e.tap import WAIT_S, Ends, Tap
from tests.e2e.upstream import Key, Upstream
from tests.e2e.workers import Worker, check_alive, run_cli, start_worker
from tests.kafka import POLL_S, Offsets

ROLES = ("scorer", "sink", "gateway")
READS = {
    "control": ["control-commands"],
    "scorer": ["prediction-requests"],
    "monitor": ["prediction-results", "feature-sketches"],
    "shadow": ["shadow-requests"],
    "sink": [topic.name for topic in topology.READS["sink"]],
}


def wait_for(condition: Callable[[], Any], what: str, wait_s: float = WAIT_S) -> Any:
    """The condition's value, once it is true."""
    deadline = time.monotonic() + wait_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {wait_s} s: {what}"
        time.sleep(POLL_S)
    return found


class Platform:
    """Starts roles, and looks at what they do from outside.

    given: the environment of the stack. host: what drives the stages, `faust` or `bare`.
    """

    def __init__(self, given: Mapping[str, str], database: str, models: Path, folder: Path, host: str) -> None:
        self.prefix = f"t{uuid4().hex[:10]}-"
        metrics = folder / "metrics"
        metrics.mkdir()
        self.environment = {
            **os.environ,
            **given,
            "DATABASE_URL": database,
            "TOPIC_PREFIX": self.prefix,
            "MODEL_STORE": models.as_uri(),
            "DATA_DIR": str(folder),
            "WEIR_HOST": host,
            "SESSION_TIMEOUT_S": "6",
            "AUTH_FAILURES_PER_MINUTE": "100000",  # every test comes from one address
            "HOST": "127.0.0.1",
            "PORT": "0",
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        self.settings = Settings.read(self.environment)
        self.bootstrap = self.settings.kafka_bootstrap_servers
        create_topics(self.settings)
        self.keys = get_key_manager(self.settings)
        self.upstream = Upstream(self.bootstrap, self.topic)
        self.workers: list[Worker] = []
        self.secrets: list[str] = [self.environment["WEIR_MASTER_SECRET"]]
        self.expected_errors: list[str] = []
        self._folder = folder
        self._taps: dict[str, Tap] = {}
        self._offsets: dict[str, Offsets] = {}
        self._open = ExitStack()
        self._ends = self._open.enter_context(closing(Ends(self.bootstrap)))
        self._database: psycopg.Connection | None = None

    def start(self, role: str) -> Worker:
        """One more process of a role; returns at once."""
        worker = start_worker(role, self.environment, self._folder)
        self.workers.append(worker)
        return worker

    def up(self, *roles: str) -> list[Worker]:
        """Processes of these roles, once each is ready."""
        started = [self.start(role) for role in roles]
        for worker in started:
            self.wait_ready(worker)
        return started

    def wait_ready(self, worker: Worker) -> None:
        if worker.role == "gateway":
            wait_for(lambda: worker.url() and _answers(f"{worker.url()}/readyz"), "gateway ready")
            return
        alive = [w for w in self.workers if w.role == worker.role and w.running]
        self.wait_members(worker.role, len(alive))

    def wait_members(self, role: str, count: int) -> None:
        """Returns when the role's group is stable with so many members, each of them with partitions."""
        wait_for(lambda: self.shared_by(role) == count, f"{role}: {count} members", 60)

    def shared_by(self, role: str) -> int:
        """How many members of the role's group hold partitions, 0 while it rebalances or one of them has none."""
        check_alive(self.workers)
        held = shares(self.bootstrap, self.topic(role))
        return len(held) if all(held) else 0

    @cached_property
    def http(self) -> httpx.Client:
        """A client of the running gateway."""
        [gateway] = [worker for worker in self.workers if worker.role == "gateway" and worker.running]
        return self._open.enter_context(httpx.Client(base_url=gateway.url() or "", timeout=WAIT_S))

    def cli(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`weir ...`, in this pipeline's environment."""
        return run_cli(arguments, self.environment)

    def create_key(self, **arguments: Any) -> Key:
        """A key that a running scorer knows already."""
        api_key = self.keys.create_key(**{"name": f"test {uuid4().hex[:6]}", **arguments})
        found = self.keys.validate_key(api_key)
        assert found is not None
        key = Key(api_key, found.key_id)
        self.secrets.append(api_key)
        if any(worker.role == "scorer" and worker.running for worker in self.workers):
            wait_for(lambda: self._is_known(key), f"key {key.key_id} known to the scorer")
        return key

    def _is_known(self, key: Key) -> bool:
        """A request whose deadline has passed costs nothing."""
        return bool(self.result(self.probe(key))["status"] != "unauthorized")

    def probe(self, key: Key) -> str:
        request_id = self.upstream.ask(key, {}, deadline_ms=1, request_id=f"probe-{uuid4()}")
        self.upstream.flush()
        return request_id

    def topic(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def tap(self, name: str) -> Tap:
        """The reader of one of the pipeline's topics."""
        if name not in self._taps:
            self._taps[name] = self._open.enter_context(closing(Tap(self.bootstrap, self.topic(name), self._ends)))
        return self._taps[name]

    def results(self, request_id: str) -> list[Any]:
        """The terminal events of one request among those read; at least one is waited for."""
        return self.tap("prediction-results").of_request(request_id)

    def result(self, request_id: str) -> Any:
        return self.results(request_id)[0]

    def stored(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of the pipeline's database."""
        if self._database is None:
            url = self.environment["DATABASE_URL"]
            self._database = self._open.enter_context(psycopg.connect(url, autocommit=True))
        return self._database.execute(query, parameters).fetchall()

    def disconnect(self) -> None:
        """Leave the database, until its rows are asked for again."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def rows_of(self, request_id: str, columns: str = "status") -> list[tuple[Any, ...]]:
        """The stored rows of one request, at least one of them waited for."""
        query = f'SELECT {columns} FROM prediction_feedback WHERE request_id = %s ORDER BY "row"'
        rows: list[tuple[Any, ...]] = wait_for(lambda: self.stored(query, request_id), f"rows of {request_id}")
        return rows

    def uncommitted(self, role: str) -> int:
        """How many records of its topics a role has not committed yet."""
        check_alive(self.workers)
        ends = {name: self.tap(name).ends() for name in READS[role]}
        return sum(sum(found.values()) - sum(self.committed(role, name).values()) for name, found in ends.items())

    def committed(self, role: str, name: str) -> dict[int, int]:
        """Partition -> the role's committed offset on a topic."""
        if role not in self._offsets:
            self._offsets[role] = self._open.enter_context(closing(Offsets(self.bootstrap, self.topic(role))))
        return self._offsets[role].of(self.topic(name), self.tap(name).partitions)

    def settle(self, *roles: str, wait_s: float = WAIT_S) -> None:
        """Returns when the roles have processed and committed everything."""
        for role in roles or {worker.role for worker in self.workers if worker.role in READS}:
            wait_for(partial(self._is_settled, role), f"{role} settled", wait_s)

    def _is_settled(self, role: str) -> bool:
        return self.uncommitted(role) == 0

    def every_byte(self, *, besides: Collection[str] = ()) -> bytes:
        """Everything on every topic besides these, in every table and in every log."""
        topics = [event.raw for topic in TOPICS if topic.name not in besides for event in self.tap(topic.name).to_end()]
        tables = self.stored("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        rows = [row[0].encode() for (table,) in tables for row in self.stored(f'SELECT t::text FROM "{table}" AS t')]
        assert rows
        return b"\n".join([*topics, *rows, *(worker.log.read_bytes() for worker in self.workers)])

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.upstream.close()
        self._open.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
