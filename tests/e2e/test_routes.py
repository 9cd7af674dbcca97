"""Two versions of a model on live traffic: two scorers, two gateways and the control agent as processes (T1, T3)."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra import artifacts
from infra.local.stack import RunningStack
from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.upstream import Key
from tests.e2e.workers import Worker
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

ENOUGH = 300
"""Requests that the canary must have answered before it is judged."""
SEEN_S = 2.0
"""Within this a change is in force everywhere."""
ROLES = ("control", "scorer", "scorer", "gateway", "gateway", "sink")
ENTITIES = [f"c-{number}" for number in range(60)]


@pytest.fixture(scope="module")
def routed(stack: RunningStack, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own with two versions of churn, the older of them in service."""
    folder = tmp_path_factory.mktemp("routed")
    store = folder / "models"
    shutil.copytree(models, store)
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, store, folder) as platform,
    ):
        platform.up(*ROLES)
        wait_for(lambda: platform.tap("model-routes").to_end(), "the version in service is adopted")
        trained = platform.cli("models", "train", "--rows", "500", "--seed", "8", "--json")
        assert trained.returncode == 0, trained.stderr
        yield platform


@pytest.fixture(scope="module")
def versions(routed: Platform) -> tuple[str, str]:
    older, newer = artifacts.versions(routed.environment["MODEL_STORE"], "churn")
    return older, newer


@pytest.fixture(scope="module")
def admin(routed: Platform) -> Key:
    return routed.create_key(permissions=["admin", "monitor"])


@pytest.fixture(scope="module")
def caller(routed: Platform) -> Key:
    return routed.create_key(rate_limit=1_000_000, burst=1_000_000)


@pytest.fixture
def answers(routed: Platform, caller: Key, customers: Customers) -> Callable[[], list[Any]]:
    """Asks for every entity, so that each scorer has its part, and returns the results."""

    def ask() -> list[Any]:
        asked = [routed.upstream.ask(caller, customers(0), entity=entity) for entity in ENTITIES]
        routed.upstream.flush()
        return [routed.result(request_id) for request_id in asked]

    return ask


def gateways(routed: Platform) -> list[str]:
    return [str(worker.url()) for worker in routed.workers if worker.role == "gateway" and worker.running]


def seen(routed: Platform, admin: Key, answers: Callable[[], list[Any]], epoch: int) -> list[Any]:
    """The answers once both gateways show the epoch and every one of them was scored at it, and not later than that."""
    began = time.monotonic()
    while True:
        asked = time.monotonic()
        shown = {
            httpx.get(f"{url}/router/churn", headers={"X-API-Key": admin.api_key}).json()["epoch"]
            for url in gateways(routed)
        }
        found = answers()
        if shown == {epoch} and {answer["route_epoch"] for answer in found} == {epoch}:
            return found
        assert asked - began < SEEN_S, f"epoch {epoch} is not everywhere after {SEEN_S} s"


def route(routed: Platform, *arguments: str) -> Any:
    done = routed.cli("route", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(240)
@pytest.mark.contract("T1", "T3")
def test_a_canary_is_promoted_and_rolled_back_on_every_process_and_survives_a_restart(
    routed: Platform,
    versions: tuple[str, str],
    admin: Key,
    answers: Callable[[], list[Any]],
) -> None:
    older, newer = versions
    headers = {"X-API-Key": admin.api_key}
    assert Counter(answer["model_version"] for answer in answers()) == {older: len(ENTITIES)}

    arms = [
        {"name": "champion", "version": older, "weight": 0.5},
        {"name": "canary", "version": newer, "weight": 0.5},
    ]
    thresholds = {"requests": ENOUGH, "error_ratio": 0.2, "slow": 0.5}
    plan = {"strategy": "canary", "arms": arms, "thresholds": thresholds, "if_epoch": 1, "reason": "a first look"}
    url = gateways(routed)[0]
    put = httpx.put(f"{url}/router/churn", json=plan, headers=headers, timeout=30)
    assert put.status_code == 200, put.text
    canary = seen(routed, admin, answers, 2)
    arm_of = {answer["entity"]: answer["arm"] for answer in canary}
    assert set(arm_of.values()) == {"champion", "canary"}
    assert {answer["arm"]: answer["model_version"] for answer in canary} == {"champion": older, "canary": newer}
    assert {answer["entity"]: answer["arm"] for answer in answers()} == arm_of, "the same entity, the same arm"

    early = httpx.post(f"{gateways(routed)[1]}/router/promote", json={}, headers=headers, timeout=30)
    assert (early.status_code, early.json()["error"]["code"]) == (409, "insufficient_evidence")
    assert early.json()["error"]["evidence"]["outcome"] == "inconclusive"

    for _ in range(3 * ENOUGH // len(ENTITIES)):
        answers()
    counted = f"{url}/router/metrics"
    wait_for(lambda: httpx.get(counted, headers=headers).json()["arms"][1]["served"] >= ENOUGH, "they are stored")
    promoted = httpx.post(f"{url}/router/promote", json={"reason": "it does well"}, headers=headers, timeout=30)
    assert (promoted.status_code, promoted.json()["status"]) == (200, "applied")
    assert {answer["model_version"] for answer in seen(routed, admin, answers, 3)} == {newer}
    assert route(routed, "promote", "churn")["status"] == "unchanged"

    assert route(routed, "rollback", "churn", "--reason", "worse")["route"]["plan"]["arms"] == arms
    assert {answer["entity"]: answer["arm"] for answer in seen(routed, admin, answers, 4)} == arm_of
    assert route(routed, "rollback", "churn")["status"] == "unchanged"

    restart(routed)
    assert {answer["entity"]: answer["arm"] for answer in seen(routed, admin, answers, 4)} == arm_of
    actions = [event.body["action"] for event in routed.tap("audit-events").to_end()]
    assert Counter(action for action in actions if action.startswith("route_")) == {
        "route_adopted": 1,
        "route_set": 1,
        "route_promoted": 1,
        "route_rolled_back": 1,
    }

    assert [route(routed, "remove", "churn")["status"] for _ in range(2)] == ["applied", "unchanged"]
    wait_for(lambda: {answer["status"] for answer in answers()} == {"invalid"}, "churn is not served any more")


def restart(routed: Platform) -> None:
    """Every process ends and is started again."""
    running: list[Worker] = [worker for worker in routed.workers if worker.running]
    for worker in running:
        worker.stop()
    routed.up(*(worker.role for worker in running))
