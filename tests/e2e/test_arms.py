"""What arms answer on the broker: a canary its share of the entities, one colour of two everything (T1, T3)."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from infra import artifacts
from infra.local.stack import RunningStack
from models.bundle import GRAPH, read_bundle
from models.publishing import bundled
from schemas.answers import Task
from tests.e2e.arms import ENTITIES, FEW, PATIENCE_S, Canary
from tests.e2e.platform import wait_for
from tests.e2e.running import platform_on
from tests.e2e.test_shadow import CALM, publish
from tests.models.graphs import CLASSES, NOW, declared, graph_of
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker


@pytest.fixture(scope="module")
def canary(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    folder = tmp_path_factory.mktemp("arms")
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, folder / "models", folder) as platform,
    ):
        publish(platform.environment["MODEL_STORE"], graph_of("binary", width=1), 0)
        platform.up("control", "scorer", "gateway", "sink")
        wait_for(lambda: platform.tap("model-routes").to_end(), "the older version is adopted")
        platform.expected_errors.append("is not the file the manifest was written for")
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


@pytest.mark.contract("T3")
def test_a_promotion_of_the_other_colour_switches_all_entities_at_once(canary: Canary) -> None:
    colours = ("blue", canary.older, 1.0), ("green", canary.newer, 0.0)
    epoch = canary.in_force(canary.plan("blue_green", *colours))
    assert set(canary.arms(FEW).values()) == {"blue"}
    tap, upstream = canary.platform.tap("prediction-results"), canary.platform.upstream
    before = len(tap.to_end())
    for entity in FEW:
        upstream.ask(canary.key, CALM, entity=entity)
    canary.in_force(canary.call("POST", "/router/promote", {"model": "churn"}))
    for entity in FEW:
        upstream.ask(canary.key, CALM, entity=entity)
    upstream.flush()
    tap.until(lambda events: len(events) >= before + 2 * len(FEW), "all are answered", PATIENCE_S)
    canary.platform.settle("scorer")
    found = [event.body for event in tap.to_end()[before:]]
    assert {(one["route_epoch"] - epoch, one["arm"], one["model_version"]) for one in found} == {
        (0, "blue", canary.older),
        (1, "green", canary.newer),
    }
    scored = {arm: [one["scored_at"] for one in found if one["arm"] == arm] for arm in ("blue", "green")}
    assert max(scored["blue"]) <= min(scored["green"]), "nobody is answered by blue once one is by green"
    assert {answer["arm"] for answer in canary.answers(FEW).values()} == {"green"}


def test_a_version_that_is_altered_after_it_was_announced_is_refused_and_the_one_before_answers_on(
    canary: Canary,
) -> None:
    epoch = canary.in_force(canary.plan("champion", ("champion", canary.newer, 1.0)))
    store = canary.platform.environment["MODEL_STORE"]
    altered = publish(store, graph_of("binary", width=1, seed=2), 2)
    announced = canary.platform.cli("models", "announce", "churn", altered, "--json")
    assert json.loads(announced.stdout)["entry"]["status"] == "ready", announced.stderr
    graph = Path(urlsplit(store).path) / "churn" / altered / GRAPH
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")

    put = canary.plan("champion", ("champion", altered, 1.0))
    assert (put.status_code, put.json()["route"]["epoch"]) == (200, epoch + 1), put.text

    def refusals(events: Sequence[Any]) -> list[Any]:
        told = [event.body for event in events if event.body["version"] == altered]
        return [entry for entry in told if entry["status"] == "refused"]

    [entry] = canary.platform.tap("model-registry").until(refusals, "the scorer refuses it")
    assert (entry["actor"].split(":")[0], "the manifest was written for" in entry["reason"]) == ("scorer", True)
    answered = canary.answers(FEW).values()
    assert {(one["status"], one["model_version"], one["route_epoch"]) for one in answered} == {
        ("ok", canary.newer, epoch)
    }
    versions = canary.call("GET", "/models/churn/versions").json()["versions"]
    assert {one["version"]: one["reason"] for one in versions}[altered] == entry["reason"]

    canary.in_force(canary.call("POST", "/router/rollback", {"model": "churn"}))
    again = canary.plan("champion", ("champion", altered, 1.0))
    assert (again.status_code, again.json()["error"]["code"]) == (409, "model_refused")
    assert entry["reason"] in again.json()["error"]["message"]


@pytest.mark.contract("R5")
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_models_of_several_classes_and_of_a_number_answer_over_http_and_kafka(canary: Canary, task: Task) -> None:
    platform, row = canary.platform, {"f0": 1.0, "f1": -0.5, "f2": 2.0}
    files = bundled(graph_of(task).SerializeToString(), declared(task), name=task, published_at=NOW)
    bundle = read_bundle(files)
    artifacts.publish(platform.environment["MODEL_STORE"], task, bundle.version, files)
    arms = [{"name": "champion", "version": bundle.version}]
    put = canary.call("PUT", f"/router/{task}", {"strategy": "champion", "arms": arms})
    assert put.status_code == 200, put.text

    body = {"entity": "c-42", "model": task, "features": row}
    served = wait_for(lambda: _ok(canary.call("POST", "/predict", body)), f"{task} is served")
    asked = platform.upstream.ask(canary.key, body=json.dumps(body).encode())
    platform.upstream.flush()
    [score] = bundle.score(np.array([list(row.values())], dtype=np.float32)).tolist()
    for answer in (served, platform.result(asked)):
        assert (answer["status"], answer["model"], answer["model_version"]) == ("ok", task, bundle.version)
        if task == "regression":
            assert (answer["predictions"], answer["outcome_value"], "label" in answer) == ([score], score, False)
            continue
        assert answer["predictions"] == pytest.approx(score)
        likeliest = int(np.argmax(score))
        told = answer["label"], answer["outcome_probability"]
        assert told == ((CLASSES[task] or [])[likeliest], pytest.approx(score[likeliest]))


def _ok(answer: httpx.Response) -> Any:
    return answer.json() if answer.status_code == 200 else None
