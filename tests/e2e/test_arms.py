"""Ten thousand entities through the broker, a canary's share of them, and what is counted of each arm (T1)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra import artifacts
from infra.local.stack import RunningStack
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.test_shadow import CALM, publish
from tests.models.graphs import graph_of
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

ENTITIES = [f"c-{number}" for number in range(10_000)]
FEW = ENTITIES[:500]
PATIENCE_S = 60.0


class Canary:
    """A platform with two versions of churn, and whoever asks and commands it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        key = platform.create_key(permissions=["admin", "monitor", "predict"], rate_limit=10_000_000, burst=1_000_000)
        self.key, self._headers = key, {"X-API-Key": key.api_key}
        store = platform.environment["MODEL_STORE"]
        publish(store, graph_of("binary", width=1, seed=1), 1)
        self.older, self.newer = artifacts.versions(store, "churn")

    def put(self, weight: float) -> httpx.Response:
        arms = [
            {"name": "champion", "version": self.older, "weight": 1 - weight},
            {"name": "canary", "version": self.newer, "weight": weight},
        ]
        plan = {"strategy": "canary", "arms": arms}
        return self.platform.http.put("/router/churn", json=plan, headers=self._headers, timeout=30)

    def weigh(self, weight: float) -> None:
        """Returns when the scorer goes by it."""
        put = self.put(weight)
        assert put.status_code == 200, put.text
        epoch = put.json()["route"]["epoch"]
        one = ENTITIES[0]
        wait_for(lambda: self.answers([one])[one]["route_epoch"] == epoch, f"epoch {epoch} is in force")

    def answers(self, entities: Sequence[str]) -> Mapping[str, Any]:
        """The result of each entity, asked once."""
        tap = self.platform.tap("prediction-results")
        before = len(tap.to_end())
        for entity in entities:
            self.platform.upstream.ask(self.key, CALM, entity=entity)
        self.platform.upstream.flush()

        def all_answered(events: Sequence[Any]) -> Sequence[Any]:
            return events[before:] if len(events) >= before + len(entities) else []

        found = tap.until(all_answered, f"{len(entities)} results", PATIENCE_S)
        return {event.body["entity"]: event.body for event in found}

    def arms(self, entities: Sequence[str]) -> Mapping[str, str]:
        return {entity: answer["arm"] for entity, answer in self.answers(entities).items()}

    def counted(self) -> list[dict[str, Any]]:
        """What each arm did, as the gateway tells it."""
        shown = self.platform.http.get("/router/metrics", headers=self._headers)
        assert "NaN" not in shown.text
        arms: list[dict[str, Any]] = shown.json()["arms"]
        return arms


@pytest.fixture
def canary(stack: RunningStack, tmp_path: Path) -> Iterator[Canary]:
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, tmp_path / "models", tmp_path) as platform,
    ):
        publish(platform.environment["MODEL_STORE"], graph_of("binary", width=1), 0)
        platform.up("control", "scorer", "gateway", "sink")
        wait_for(lambda: platform.tap("model-routes").to_end(), "the older version is adopted")
        yield Canary(platform)


@pytest.mark.timeout(240)
@pytest.mark.contract("T1")
def test_a_canary_answers_its_share_of_the_same_entities_and_each_arm_counts_its_own(canary: Canary) -> None:
    for weight in (1.5, -0.1):
        refused = canary.put(weight)
        wrong = {field["field"] for field in refused.json()["error"]["fields"]}
        assert (refused.status_code, wrong) == (422, {"arms[0].weight", "arms[1].weight"})

    canary.weigh(0.0)
    assert set(canary.arms(FEW).values()) == {"champion"}
    idle = canary.counted()[1]
    assert {idle[name] for name in ("served", "evaluated", "entities", "errors", "error_ratio", "accuracy")} == {0}

    canary.weigh(0.1)
    canary.platform.settle("scorer", "sink")
    before = {arm["arm"]: arm["served"] for arm in canary.counted()}
    answers = canary.answers(ENTITIES)
    arms = {entity: answer["arm"] for entity, answer in answers.items()}
    served = Counter(arms.values())
    assert abs(served["canary"] - 1000) <= 3 * (10_000 * 0.1 * 0.9) ** 0.5
    assert {(answer["arm"], answer["model_version"]) for answer in answers.values()} == {
        ("champion", canary.older),
        ("canary", canary.newer),
    }
    canary.platform.settle("scorer", "sink", wait_s=PATIENCE_S)
    told = canary.counted()
    assert {arm["arm"]: arm["served"] - before[arm["arm"]] for arm in told} == dict(served)
    assert [arm["evaluated"] for arm in told] == [0, 0], "a canary answers and evaluates no copies"
    assert {arm["arm"]: arm["entities"] for arm in told} == dict(served)

    again = canary.arms(FEW)
    assert again == {entity: arms[entity] for entity in FEW}, "the same entity, the same arm"
    canary.weigh(0.5)
    moved = {(arms[entity], arm) for entity, arm in canary.arms(FEW).items()}
    assert moved == {("champion", "champion"), ("champion", "canary"), ("canary", "canary")}, "one way only"
    canary.weigh(1.0)
    assert set(canary.arms(FEW).values()) == {"canary"}
