"""A platform with two versions of churn whose arms are asked and counted."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from infra import artifacts
from tests.e2e.platform import Platform, wait_for
from tests.e2e.test_shadow import CALM, publish
from tests.models.graphs import graph_of

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

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.platform.http.request(method, path, json=body, headers=self._headers, timeout=30)

    def put(self, weight: float) -> httpx.Response:
        return self.plan("canary", ("champion", self.older, 1 - weight), ("canary", self.newer, weight))

    def plan(self, strategy: str, *arms: tuple[str, str, float]) -> httpx.Response:
        shown = [{"name": name, "version": version, "weight": weight} for name, version, weight in arms]
        return self.call("PUT", "/router/churn", {"strategy": strategy, "arms": shown})

    def weigh(self, weight: float) -> None:
        """Returns when the scorer goes by it."""
        self.in_force(self.put(weight))

    def in_force(self, changed: httpx.Response) -> int:
        """The epoch of a change, once the scorer goes by it."""
        assert changed.status_code == 200, changed.text
        epoch = int(changed.json()["route"]["epoch"])
        one = ENTITIES[0]
        wait_for(lambda: self.answers([one])[one]["route_epoch"] == epoch, f"epoch {epoch} is in force")
        return epoch

    def answers(self, entities: Sequence[str]) -> Mapping[str, Any]:
        """The result of each entity, asked once."""
        asked = {entity: self.platform.upstream.ask(self.key, CALM, entity=entity) for entity in entities}
        self.platform.upstream.flush()
        return {entity: self.platform.result(request_id) for entity, request_id in asked.items()}

    def arms(self, entities: Sequence[str]) -> Mapping[str, str]:
        return {entity: answer["arm"] for entity, answer in self.answers(entities).items()}

    def counted(self) -> list[dict[str, Any]]:
        """What each arm did, as the gateway tells it."""
        shown = self.call("GET", "/router/metrics?model=churn")
        assert "NaN" not in shown.text
        arms: list[dict[str, Any]] = shown.json()["arms"]
        return arms
