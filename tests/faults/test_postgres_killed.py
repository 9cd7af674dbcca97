"""Postgres stands still, and is killed in mid-transaction: every result is stored once, or is a dead letter (R10)."""

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from infra.local.postgres import start_postgres, stop_postgres
from infra.local.service import Service, Surroundings
from infra.local.stack import RunningStack
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on

pytestmark = pytest.mark.real_broker

SEVERAL, TWICE, UNSTORABLE = 10, 7, 301
"""One result in so many has three rows, lies on its topic twice, or is none that Postgres takes."""
ROWS = 3
PARTS = 5
AT = 1_772_368_200_123
SCORED: dict[str, Any] = {"predictions": [0.25, 0.75], "churn_probability": 0.75, "risk_score": 75.0, "label": 1}
ANSWER = {**SCORED, "features": {"total_orders": 10, "total_revenue": 500.0}}
ROUTED = {"model": "churn", "model_version": "v1", "strategy": "champion", "arm": "main", "route_epoch": 3}
WAITING = "SELECT pid FROM pg_locks WHERE relation = 'arm_deltas'::regclass AND NOT granted"


class Server:
    """A Postgres of the test's own, which keeps its rows."""

    def __init__(self, folder: Path) -> None:
        self._place = Surroundings(folder, os.environ, leash=True)
        self._service = self._started()

    @property
    def url(self) -> str:
        return self._service.url

    @contextmanager
    def halfway(self) -> Iterator[psycopg.Connection]:
        """Whoever stores answers waits for a lock once they are written, and has committed none of them."""
        holder = psycopg.connect(self.url)
        try:
            holder.execute("LOCK TABLE arm_deltas IN EXCLUSIVE MODE")
            yield holder
        finally:
            with suppress(psycopg.OperationalError):  # of a server that was killed meanwhile
                holder.rollback()
            holder.close()

    @contextmanager
    def still(self) -> Iterator[None]:
        """It and all of its processes are stopped where they are."""
        every = self._processes()
        for process in every:
            process.suspend()
        try:
            yield
        finally:
            for process in every:
                process.resume()

    def kill(self) -> None:
        """SIGKILL to all of its processes, the postmaster first."""
        every = self._processes()
        for process in every:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        assert self._service.process is not None
        assert self._service.process.handle is not None
        self._service.process.handle.wait(10)
        psutil.wait_procs(every, timeout=10)

    def start_again(self) -> None:
        self._service = self._started()

    def stop(self) -> None:
        assert self._service.process is not None
        stop_postgres(self._service.process)

    def _started(self) -> Service:
        return start_postgres(self._place, "weir", keep=True)

    def _processes(self) -> list[psutil.Process]:
        assert self._service.process is not None
        postmaster = psutil.Process(self._service.process.pid)
        return [postmaster, *postmaster.children(recursive=True)]


@pytest.fixture
def server() -> Iterator[Server]:
    """Not below pytest's folder, which each session on the machine closes to others, Postgres' own user too."""
    with tempfile.TemporaryDirectory(prefix="weir-pg-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def stored_by(stack: RunningStack, server: Server, models: Path, tmp_path: Path) -> Iterator[Platform]:
    """A pipeline whose sink stores in that server."""
    with platform_on(stack.environment, server.url, models, tmp_path) as platform:
        yield platform


def result(number: int) -> dict[str, Any]:
    made = {"request_id": f"r-{number}", "entity": f"c-{number % 500}", "status": "ok", "key_id": "abcdefghijk"}
    answer = ANSWER | ({"risk_score": 101.0} if number % UNSTORABLE == 0 else {})
    given = {"rows": [answer] * ROWS} if number % SEVERAL == 0 else answer
    times = {"latency_ms": 1.5, "requested_at": AT, "scored_at": AT}
    return {**made, **ROUTED, **given, **times, "degraded": False, "schema_version": 1}


def send(platform: Platform, numbers: Sequence[int]) -> None:
    for number in numbers:
        body = result(number)
        for _ in range(2 if number % TWICE == 0 else 1):
            platform.upstream.send("prediction-results", body["entity"].encode(), json.dumps(body).encode(), {})
    platform.upstream.flush()


def check(platform: Platform) -> None:
    """What lies on the topic, counted there, is what lies in the tables, counted there."""
    events = [event.body for event in platform.tap("prediction-results").to_end()]
    buried = [event.body for event in platform.tap("dead-letters").to_end()]
    letters = {(one["partition"], one["offset"]) for one in buried}
    wanted = {one["request_id"]: len(one.get("rows", "1")) for one in events if not is_refused(one)}
    rows = platform.stored('SELECT request_id, count(*), count(DISTINCT "row") FROM prediction_feedback GROUP BY 1')
    assert {name: count for name, count, _ in rows} == wanted
    assert all(count == distinct for _, count, distinct in rows)
    assert len(letters) == sum(map(is_refused, events))
    sums = platform.stored("SELECT sum(requests), sum(entities) FROM arm_deltas")
    entities = {one["entity"] for one in events if not is_refused(one)}
    assert sums == [(len(wanted), len(entities))], "each answer was counted once"
    [(moved,)] = platform.stored("SELECT sum(next_offset) FROM sink_offsets WHERE next_offset > 0")
    assert moved == len(events) + platform.tap("api-keys").ends()[0]
    print(Counter(len(one.get("rows", "1")) for one in events), f"{len(rows)} requests, {len(letters)} dead letters")


def is_refused(body: dict[str, Any]) -> bool:
    return any(answer["risk_score"] > 100 for answer in body.get("rows", [body]))


@pytest.mark.timeout(300)
@pytest.mark.contract("R10", "F1")
@pytest.mark.parametrize(
    ("count", "still_s"), [(5_000, 5.0), pytest.param(50_000, 30.0, marks=pytest.mark.long)], ids=["short", "full"]
)
def test_a_postgres_that_stands_still_and_is_killed_in_mid_transaction_loses_and_doubles_nothing(
    stored_by: Platform, server: Server, count: int, still_s: float
) -> None:
    platform, part = stored_by, count // PARTS
    parts = [range(first, first + part) for first in range(0, count, part)]
    platform.environment |= {"BATCH_TIMEOUT_S": str(min(30.0, 1.6 * still_s)), "BATCH_RECORDS": "500"}
    [sink] = platform.up("sink")
    send(platform, parts[0])
    with server.halfway() as holder:
        send(platform, parts[1])
        wait_for(lambda: holder.execute(WAITING).fetchall(), "a transaction is under way")
        with server.still():
            time.sleep(still_s)  # how long is the fault: more than the sink's patience, half a batch's time
            assert "waits: postgres" in sink.log.read_text()
    for numbers in parts[2:4]:
        with server.halfway() as holder:
            send(platform, numbers)
            wait_for(lambda holder=holder: holder.execute(WAITING).fetchall(), "a transaction is under way")
            server.kill()
        server.start_again()
    send(platform, parts[4])
    platform.settle("sink", wait_s=120)
    check(platform)
