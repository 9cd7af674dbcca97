"""What traffic and labels make of candidates by themselves: promotions on labels, bandits, guardrails (T1, T3, T4)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from infra.local.stack import RunningStack
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.test_shadow import CALM, WILD, publish
from tests.models import wild
from tests.models.graphs import chain
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

ROLES = ("control", "scorer", "shadow", "gateway", "sink")
REQUESTS = 60


def always(probability: float) -> onnx.ModelProto:
    """A model that answers everybody alike."""
    share = np.array([[0.0], [0.0]], dtype=np.float32).T
    return chain(
        helper.make_node("MatMul", ["features", "none"], ["zero"]),
        helper.make_node("Add", ["zero", "said"], ["probabilities"]),
        width=1,
        none=share,
        said=np.array([1 - probability, probability], dtype=np.float32),
    )


class Judged:
    """A platform with three versions of churn: one mostly wrong where the truth is 1, one right, one that may fail."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        store = platform.environment["MODEL_STORE"]
        self.wrong = publish(store, always(0.2), 0)
        platform.up(*ROLES)
        wait_for(lambda: platform.tap("model-routes").to_end(), "the only version is adopted")
        self.right, self.fails = publish(store, always(0.95), 1), publish(store, wild.not_a_number(1), 2)
        key = platform.create_key(permissions=["admin", "monitor", "predict"], rate_limit=1_000_000, burst=1_000_000)
        self.headers = {"X-API-Key": key.api_key}

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.platform.http.post(path, json=body, headers=self.headers, timeout=30)

    def get(self, path: str) -> Any:
        return self.platform.http.get(path, headers=self.headers).json()

    def put(self, strategy: str, *arms: tuple[str, str, float], **more: Any) -> int:
        """The epoch at which the scorer serves this plan."""
        shown = [{"name": name, "version": version, "weight": weight} for name, version, weight in arms]
        plan = {"strategy": strategy, "arms": shown, **more}
        put = self.platform.http.put("/router/churn", json=plan, headers=self.headers, timeout=30)
        assert put.status_code == 200, put.text
        epoch = int(put.json()["route"]["epoch"])
        wait_for(lambda: self.ask(CALM, 1)[0].get("route_epoch") == epoch, f"epoch {epoch} is served")
        return epoch

    def ask(self, features: Mapping[str, float], count: int = REQUESTS) -> list[Any]:
        """The answers to so many entities."""
        bodies = [{"entity": f"c-{number}", "features": features} for number in range(count)]
        with ThreadPoolExecutor(8) as threads:
            return [answer.json() for answer in threads.map(lambda body: self.post("/predict", body), bodies)]

    def label(self, answers: list[Any], truth: int) -> None:
        for answer in answers:
            told = self.post("/feedback", {"request_id": answer["request_id"], "label": truth})
            assert told.status_code == 202, told.text


@pytest.fixture(scope="module")
def judged(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder = tmp_path_factory.mktemp("judged")
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, folder / "models", folder) as platform,
    ):
        yield Judged(platform)


@pytest.mark.contract("T4", "T3")
def test_a_challenger_is_promoted_once_labels_show_that_it_is_better(judged: Judged) -> None:
    thresholds = {"requests": 30, "labels": 30, "error_ratio": 0.5}
    arms = ("champion", judged.wrong, 1.0), ("challenger", judged.right, 0.0)
    judged.put("champion_challenger", *arms, thresholds=thresholds)
    answers = judged.ask(CALM)
    assert {answer["model_version"] for answer in answers} == {judged.wrong}
    wait_for(lambda: judged.get("/router/metrics")["arms"][1]["evaluated"] >= REQUESTS, "the copies are stored")
    early = judged.post("/router/promote", {})
    assert (early.status_code, "labels" in early.json()["error"]["message"]) == (409, True)
    judged.label(answers, 1)
    wait_for(lambda: judged.get("/router/metrics")["arms"][1]["labels"] >= REQUESTS, "the labels are stored")
    promoted = judged.post("/router/promote", {"reason": "labels"})
    assert promoted.status_code == 200, promoted.text
    assert promoted.json()["route"]["plan"]["arms"][0]["version"] == judged.right


@pytest.mark.contract("T4", "T1")
def test_a_bandit_moves_its_traffic_to_the_arm_that_labels_favour(judged: Judged) -> None:
    epoch = judged.put("bandit", ("a", judged.wrong, 0.5), ("b", judged.right, 0.5))
    answers = judged.ask(CALM)
    arms = Counter(answer["arm"] for answer in answers)
    wait_for(lambda: sum(arm["entities"] for arm in judged.get("/router/metrics")["arms"]) == REQUESTS, "all stored")
    counted = {arm["arm"]: arm["entities"] for arm in judged.get("/router/metrics")["arms"]}
    assert counted == dict(arms), "each entity in its arm"
    judged.label(answers, 1)
    wait_for(lambda: judged.get("/router/churn")["plan"]["arms"][1]["weight"] > 0.9, "the weights follow the labels")
    shown = judged.get("/router/churn")
    assert (shown["action"], shown["actor"], shown["epoch"] > epoch) == ("reweighed", "bandit", True)
    moved = {answer["entity"]: answer["arm"] for answer in judged.ask(CALM)}
    for answer in answers:
        assert answer["arm"] == "a" or moved[answer["entity"]] == "b", "the weight that rose loses nobody"


@pytest.mark.contract("T3")
def test_a_canary_past_its_guardrail_is_rolled_back_by_itself(judged: Judged) -> None:
    judged.put("champion", ("champion", judged.right, 1.0))
    guardrail = {"error_ratio": 0.1, "requests": 10}
    arms = ("champion", judged.right, 0.5), ("canary", judged.fails, 0.5)
    epoch = judged.put("canary", *arms, guardrail=guardrail)
    assert Counter(answer.get("status", "error") for answer in judged.ask(WILD)).keys() == {"ok", "error"}
    wait_for(lambda: judged.get("/router/churn")["epoch"] > epoch, "it is rolled back")
    shown = judged.get("/router/churn")
    assert (shown["action"], shown["actor"], shown["plan"]["strategy"]) == ("rolled_back", "guardrail", "champion")
    assert shown["reason"].startswith("guardrail: canary")
    kinds = {event.body["event_type"] for event in judged.platform.tap("routing-events").to_end()}
    assert kinds == {"evidence", "guardrail"}
