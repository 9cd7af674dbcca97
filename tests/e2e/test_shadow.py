"""Challengers of every bad kind behind a champion whose callers notice nothing, the shadow agent as a process (T2)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import onnx
import pytest

from infra import artifacts
from infra.local.stack import RunningStack
from models.bundle import SKOPS, read_bundle
from models.publishing import bundled
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.models import wild, wild_sklearn
from tests.models.graphs import declared, graph_of
from tests.stack import fresh_database

pytestmark = [pytest.mark.real_broker, pytest.mark.contract("T2")]

CALM, WILD = {"f0": 1.0}, {"f0": 2 * wild.BOUND}
BUDGET_S = 1.0
SAID = declared("binary", features=[{"name": "f0", "type": "float"}], classes=[0, 1], target="churn")
UNSIGNED = declared("binary", features=[{"name": "f0", "type": "float", "minimum": 0}], classes=[0, 1], target="churn")
GRAPHS = {"not_a_number": wild.not_a_number, "failed": wild.fails, "timeout": wild.hangs}
ESTIMATORS = {"failed": wild_sklearn.fails, "timeout": wild_sklearn.hangs}
CHALLENGERS = len(GRAPHS) + len(ESTIMATORS)
MOMENTS = ("request_id", "latency_ms", "requested_at", "scored_at", "strategy", "arm", "route_epoch")
"""Fields of an answer that differ between two of the same request, or say how it was routed."""


def publish(store: str, model: onnx.ModelProto | bytes, number: int) -> str:
    """A further version of churn, of a graph or of what skops wrote."""
    at = datetime(2026, 11, 27, tzinfo=UTC) + timedelta(hours=number)
    terms: dict[str, Any] = {"name": "churn", "published_at": at}
    if isinstance(model, bytes):
        files = bundled(model, UNSIGNED, file=SKOPS, **terms)
    else:
        files = bundled(model.SerializeToString(), SAID, **terms)
    version = read_bundle(files).version
    artifacts.publish(store, "churn", version, files)
    return version


@pytest.fixture(scope="module")
def shadowed(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose champion is the only version there is, at first."""
    folder = tmp_path_factory.mktemp("shadowed")
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, folder / "models", folder) as platform,
    ):
        platform.environment["SHADOW_BUDGET_S"] = str(BUDGET_S)
        publish(platform.environment["MODEL_STORE"], graph_of("binary", width=1), 0)
        platform.up("control", "scorer", "shadow", "gateway", "sink")
        wait_for(lambda: platform.tap("model-routes").to_end(), "the champion is adopted")
        yield platform


def test_short_of_memory_the_machine_ends_the_shadow_agent_and_no_other(shadowed: Platform) -> None:
    adjusted = {
        worker.role: int(Path(f"/proc/{worker.process.pid}/oom_score_adj").read_text()) for worker in shadowed.workers
    }
    assert adjusted.pop("shadow") == 1000
    assert set(adjusted.values()) == {int(Path("/proc/self/oom_score_adj").read_text())}


def test_challengers_that_fail_hang_or_give_no_number_change_no_answer_and_are_told_of(shadowed: Platform) -> None:
    ask = Ask(shadowed)
    before = [shown(ask(features)) for features in (CALM, WILD)]
    expected = shadow(shadowed, ask)

    calm = wait_for(lambda: all_well(shadowed, ask(CALM)), "each is loaded and answers", 60)
    began = monotonic()
    unruly = [ask(WILD) for _ in range(3)]
    assert monotonic() - began < 3 * BUDGET_S
    assert [shown(answer) for answer in (calm, *unruly)] == [before[0], *[before[1]] * 3]

    seen = {(version_of(found), ended(found)) for answer in unruly for found in results(shadowed, answer)}
    hanging = {(version, "skipped") for version, code in expected.items() if code == "timeout"}
    assert seen - hanging == set(expected.items())

    shadowed.settle("shadow", "sink")
    told = shadowed.http.get("/router/shadow-analysis", headers=ask.headers).json()
    counts = {each["version"]: each["errors"] for each in told["challengers"]}
    for version, code in expected.items():
        assert {known for known, count in counts[version].items() if count} - {"skipped", "unavailable"} == {code}
    assert all(worker.running for worker in shadowed.workers)


class Ask:
    """Asks the gateway with a key that may do all."""

    def __init__(self, platform: Platform) -> None:
        self.headers = {"X-API-Key": platform.create_key(permissions=["admin", "monitor", "predict"]).api_key}
        self._http = platform.http
        wait_for(lambda: self._http.get("/router", headers=self.headers).status_code == 200, "the key known")

    def __call__(self, features: dict[str, float]) -> httpx.Response:
        answer = self._http.post("/predict", json={"entity": "c-42", "features": features}, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer


def shadow(platform: Platform, ask: Ask) -> dict[str, str]:
    """Put the champion before these challengers; version -> the code that it is to end with."""
    store = platform.environment["MODEL_STORE"]
    [champion] = artifacts.versions(store, "churn")
    expected = {publish(store, graph(1), number): code for number, (code, graph) in enumerate(GRAPHS.items(), 1)}
    for number, (code, estimator) in enumerate(ESTIMATORS.items(), CHALLENGERS):
        expected[version := publish(store, estimator(), number)] = code
        # Each of these takes seconds to try, all of them longer than a gateway waits.
        announced = platform.cli("models", "announce", "churn", version, "--timeout", "50")
        assert announced.returncode == 0, announced.stderr
    arms = [{"name": f"shadow_{n}", "version": version, "weight": 0} for n, version in enumerate(expected)]
    plan = {"strategy": "shadow", "arms": [{"name": "champion", "version": champion}, *arms], "reason": "a look"}
    put = platform.http.put("/router/churn", json=plan, headers=ask.headers, timeout=30)
    assert put.status_code == 200, put.text
    wait_for(lambda: ask(CALM).json()["route_epoch"] == put.json()["route"]["epoch"], "the shadows are in force")
    return expected


def shown(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name not in MOMENTS}


def results(platform: Platform, answer: httpx.Response) -> list[Any]:
    """The shadow results of a request, one of each challenger."""
    request_id = answer.json()["request_id"]

    def mine(events: list[Any]) -> list[Any]:
        found = [event.body for event in events if event.body["request_id"] == request_id]
        return found if len(found) >= CHALLENGERS else []

    return platform.tap("shadow-results").until(mine, f"shadow results of {request_id}")


def all_well(platform: Platform, answer: httpx.Response) -> httpx.Response | None:
    return answer if {ended(found) for found in results(platform, answer)} == {"ok"} else None


def ended(result: Any) -> str:
    return str(result["challenger"].get("error", {"code": "ok"})["code"])


def version_of(result: Any) -> str:
    return str(result["challenger"]["version"])
