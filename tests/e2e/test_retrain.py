"""From customers who behave otherwise to a challenger that proves itself on their labels (F4, F1)."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from infra.kafka import client_options, publish
from infra.local.stack import RunningStack
from models.simulate import customer_rows
from schemas.drift_events import encode_drift
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.upstream import Key
from tests.infra.database.told import step
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

ROLES = ("control", "scorer", "shadow", "gateway", "sink")
BEFORE, AFTER = 1500, 1200
OFTEN = 1.1
OF_STATE = "state = %s"


@pytest.fixture(scope="module")
def platform(stack: RunningStack, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("retrained")
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, _own(models, folder), folder) as platform,
    ):
        platform.up(*ROLES)
        wait_for(lambda: platform.tap("model-routes").to_end(), "the only version is adopted")
        yield platform


def _own(models: Path, folder: Path) -> Path:
    """A copy of the store, as what is retrained is published there."""
    return Path(shutil.copytree(models, folder / "models"))


@pytest.fixture(scope="module")
def key(platform: Platform) -> Key:
    return platform.create_key(permissions=["admin", "monitor", "predict"], rate_limit=1_000_000, burst=1_000_000)


def ask(platform: Platform, key: Key, rows: int, seed: int) -> dict[str, int]:
    """Request id -> truth of customers of whom those leave that order often: the champion has learned otherwise."""
    random, truths = np.random.default_rng(seed), {}
    for number, features in enumerate(customer_rows(rows, seed)):
        request_id = platform.upstream.ask(key, features, entity=f"c-{seed}-{number}")
        truths[request_id] = int(random.random() < (0.95 if features["order_frequency"] > OFTEN else 0.05))
    platform.upstream.flush()
    return truths


def label(platform: Platform, key: Key, truths: dict[str, int], folder: Path) -> None:
    """By the file, as an analyst has it."""
    table = folder / f"{len(truths)}.csv"
    table.write_text("request_id,label\n" + "".join(f"{one},{truth}\n" for one, truth in truths.items()))
    platform.environment["WEIR_API_KEY"] = key.api_key
    loaded = platform.cli("feedback", "load", str(table), "--key-id", key.key_id, "--json")
    assert loaded.returncode == 0, loaded.stderr


def cli(platform: Platform, *arguments: str, code: int = 0) -> Any:
    done = platform.cli(*arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.contract("F4", "F1")
def test_a_drift_ends_in_a_challenger_that_beats_the_champion_on_the_drifted_labels(
    platform: Platform, key: Key, tmp_path: Path
) -> None:
    label(platform, key, ask(platform, key, BEFORE, seed=1), tmp_path)
    known = "SELECT count(*) FROM prediction_feedback WHERE actual_label IS NOT NULL"
    wait_for(lambda: platform.stored(known) == [(BEFORE,)], "all labels are joined", 120)

    card = tmp_path / "card.html"
    job = cli(platform, "retrain", "--model", "churn", "--reason", "drift", "--card", str(card))
    assert (job["state"], job["rows"], job["result"]["passed"]) == ("completed", BEFORE, True)
    champion, candidate = job["champion_version"], job["candidate_version"]
    assert candidate in card.read_text()
    assert job["result"]["entered"]["route"]["strategy"] == "champion_challenger"
    assert [state for _, state in told(platform)] == ["pending", "running", "completed"]
    assert platform.stored("SELECT job_id, state, digest FROM retraining_jobs") == [
        (job["job_id"], "completed", job["digest"])
    ]

    again = cli(platform, "retrain", "--model", "churn", code=1)
    assert (again["state"], "no label has come since" in again["error"]) == ("skipped", True)

    epoch = job["result"]["entered"]["route"]["epoch"]
    wait_for(lambda: _epoch(platform, key) == epoch, "the new route is served")
    later = ask(platform, key, AFTER, seed=2)
    answered = {body["model_version"] for one in list(later)[:20] for body in platform.results(one)}
    assert answered == {champion}, "a challenger answers nobody"
    label(platform, key, later, tmp_path)
    judged = """
        SELECT count(*), avg(power(s.probability - p.actual_label, 2)),
            avg(power(p.predicted_probability - p.actual_label, 2))
        FROM shadow_predictions s JOIN prediction_feedback p USING (request_id, "row")
        WHERE s.version = %s AND p.entity LIKE 'c-2-%%' AND p.actual_label IS NOT NULL
    """
    wait_for(lambda: platform.stored(judged, candidate)[0][0] == AFTER, "the challenger's answers have labels", 120)
    [(_, own, champions)] = platform.stored(judged, candidate)
    assert own < champions / 2
    promoted = cli(platform, "route", "promote", "churn", "--reason", "labels")
    assert promoted["route"]["plan"]["arms"][0]["version"] == candidate


def _epoch(platform: Platform, key: Key) -> int:
    [features] = customer_rows(1, seed=3)
    return int(platform.result(_asked(platform, key, features))["route_epoch"])


def _asked(platform: Platform, key: Key, features: dict[str, Any]) -> str:
    request_id = platform.upstream.ask(key, features, entity="c-probe")
    platform.upstream.flush()
    return request_id


@pytest.mark.contract("F4", "D3")
def test_an_open_drift_is_retrained_on_by_itself_however_often_the_trainer_is_ended_meanwhile(
    platform: Platform,
) -> None:
    """The champion is the one that the test before has promoted, and has more labels since."""
    platform.environment |= {"RETRAIN_LOOK_S": "0.2", "RETRAIN_COOL_DOWN_S": "0"}
    [(champion,)] = platform.stored(f"SELECT candidate_version FROM retraining_jobs WHERE {OF_STATE}", "completed")
    drift_opens(platform, champion)
    killed = platform.start("trainer")
    first = wait_for(lambda: job_in(platform, "running"), "a job begins", 60)
    killed.kill()
    stopped = platform.start("trainer")
    second = wait_for(lambda: (found := job_in(platform, "running")) != first and found, "the next one begins", 60)
    stopped.stop()
    trainer = platform.start("trainer")
    third = wait_for(lambda: job_in(platform, "completed"), "a job completes", 120)
    wait_for(lambda: (third, "completed") in told(platform), "its end is told")
    trainer.stop()
    columns = "SELECT job_id, state, champion_version, reason, requested_by, error FROM retraining_jobs"
    jobs = {row[0]: row[1:] for row in platform.stored(f"{columns} WHERE trigger = 'drift'")}
    why = (champion, "spent drifted: weight 0.2, 0.1 is a cause", "trainer")
    assert jobs == {
        first: ("failed", *why, "its process ended without a word"),
        second: ("failed", *why, "it was told to stop before its end"),
        third: ("completed", *why, None),
    }
    steps = told(platform)
    ends = [(first, "failed"), (second, "failed"), (third, "completed")]
    assert {*ends, (third, "pending"), (third, "running")} <= {*steps}
    assert sorted(ends, key=steps.index) == ends


def told(platform: Platform) -> list[tuple[str, str]]:
    return [(one.body["job_id"], one.body["state"]) for one in platform.tap("retraining-jobs").to_end()]


def drift_opens(platform: Platform, version: str) -> None:
    """As the monitor tells it, of rows that are all labelled."""
    now = datetime.now(UTC)
    drift = step(str(uuid4()), model="churn", model_version=version, timestamp=now, first_seen=now - timedelta(hours=1))
    publish(
        client_options(platform.settings), platform.topic("drift-events"), [(b"churn:spent", encode_drift(drift), [])]
    )


def job_in(platform: Platform, state: str) -> str | None:
    """The job that drift has caused and that is in this state."""
    query = f"SELECT job_id FROM retraining_jobs WHERE trigger = 'drift' AND {OF_STATE}"
    return next((job_id for (job_id,) in platform.stored(query, state)), None)


@pytest.mark.contract("F4")
def test_without_a_route_or_labels_a_job_ends_with_the_reason(platform: Platform) -> None:
    unknown = cli(platform, "retrain", "--model", "nobody", code=1)
    assert (unknown["state"], "no route of model 'nobody'" in unknown["error"]) == ("failed", True)
    few = cli(platform, "retrain", "--model", "churn", "--min-samples", "1000000", code=1)
    assert few["state"] == "skipped"
    assert "1000000" in few["error"]
