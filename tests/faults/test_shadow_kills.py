"""SIGKILL while challengers answer, one of which hangs now and then: each copy ends once beside each (T2, R10)."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.kafka import publish
from infra.local.stack import RunningStack
from schemas import headers as h
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.test_shadow import CALM, WILD
from tests.e2e.test_shadow import publish as publish_version
from tests.models import wild
from tests.models.graphs import graph_of

pytestmark = pytest.mark.real_broker

PORTION, KILLS = 1500, 2
HANGS_EVERY = 1000


@pytest.fixture
def shadows(stack: RunningStack, database_url: str, tmp_path: Path) -> Iterator[Platform]:
    with platform_on(stack.environment, database_url, tmp_path / "models", tmp_path) as platform:
        platform.environment |= {"SHADOW_BUDGET_S": "0.5", "BATCH_RECORDS": "200"}
        yield platform


def copy(number: int, versions: Sequence[str]) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """What a scorer hands on of a request."""
    features = WILD if number % HANGS_EVERY == HANGS_EVERY - 1 else CALM
    result = {
        "request_id": f"r-{number}",
        "entity": f"c-{number}",
        "model": "churn",
        "model_version": "v1",
        "status": "ok",
        "arm": "champion",
        "route_epoch": 1,
        "latency_ms": 3,
        "predictions": [0.4, 0.6],
        "label": 1,
        "features": features,
        "requested_at": datetime.now(UTC).isoformat(),
    }
    headers = [(h.REQUEST_ID, b"r-%d" % number), (h.MIRRORED_TO, ",".join(versions).encode())]
    return b"c-%d" % number, json.dumps(result).encode(), headers


@pytest.mark.timeout(240)
@pytest.mark.contract("T2", "R10")
def test_kills_lose_and_double_no_challengers_answer(shadows: Platform, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    store = shadows.environment["MODEL_STORE"]
    graphs = (graph_of("binary", width=1), wild.hangs(1))
    versions = [publish_version(store, graph, number) for number, graph in enumerate(graphs)]
    worker, _ = shadows.up("shadow", "sink")
    asked = 0
    for _ in range(KILLS):
        before = answers(shadows)
        copies = [copy(number, versions) for number in range(asked, asked + PORTION)]
        publish({"bootstrap.servers": shadows.bootstrap}, shadows.topic("shadow-requests"), copies)
        asked += PORTION
        wait_for(lambda before=before: answers(shadows) > before, "the shadow agent at work", 60)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 1))  # the moment is the fault: anywhere between two commits
        worker.kill()
        worker = shadows.start("shadow")
    shadows.settle("shadow", "sink", wait_s=90)
    rows: list[Any] = shadows.stored("SELECT request_id, version, coalesce(error, 'ok') FROM shadow_predictions")
    assert len(rows) == asked * len(versions)
    assert {(request_id, version) for request_id, version, _ in rows} == {
        (f"r-{number}", version) for number in range(asked) for version in versions
    }
    ends = {version: Counter(end for _, of, end in rows if of == version) for version in versions}
    print({version: dict(counted) for version, counted in ends.items()})
    assert ends[versions[0]] == {"ok": asked}, "the other one's hanging costs it nothing"
    assert ends[versions[1]].keys() <= {"ok", "timeout", "skipped"}
    assert shadows.tap("dead-letters").to_end() == []


def answers(platform: Platform) -> int:
    return sum(platform.tap("shadow-results").ends().values())
