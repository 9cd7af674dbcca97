"""From customers who behave otherwise to a challenger that proves itself on their labels (F4, F1)."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import RunningStack
from models.simulate import customer_rows
from tests.e2e.platform import Platform, wait_for
from tests.e2e.retrained import (
    OF_STATE,
    ask,
    cli,
    drift_opens,
    held_from_second_keep,
    job_in,
    label,
    never_killed,
    told,
)
from tests.e2e.running import platform_on
from tests.e2e.upstream import Key
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

ROLES = ("control", "scorer", "shadow", "gateway", "sink")
BEFORE, AFTER = 1500, 1200


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


@pytest.mark.contract("F4")
def test_without_a_route_or_labels_a_job_ends_with_the_reason(platform: Platform) -> None:
    unknown = cli(platform, "retrain", "--model", "nobody", code=1)
    assert (unknown["state"], "no route of model 'nobody'" in unknown["error"]) == ("failed", True)
    few = cli(platform, "retrain", "--model", "churn", "--min-samples", "1000000", code=1)
    assert few["state"] == "skipped"
    assert "1000000" in few["error"]


@pytest.mark.contract("F4")
def test_a_learner_that_is_killed_goes_on_as_if_it_never_was_and_becomes_a_challenger(platform: Platform) -> None:
    """Of the rows of the tests before, held against the champion that those have replaced."""
    [(stale,)] = platform.stored("SELECT champion_version FROM retraining_jobs WHERE trigger = 'manual' AND rows > 0")
    cli(platform, "route", "set", "churn", "--strategy", "champion", "--champion", stale, "--reason", "old times")
    platform.environment |= {"RETRAIN_ONLINE": "churn", "RETRAIN_ONLINE_EVERY": "2000", "RETRAIN_DRIFT_WEIGHT": "0"}
    with held_from_second_keep(platform) as waits:
        killed = platform.start("trainer")
        wait_for(waits, "it has learned more than is kept", 60)
        killed.kill()
    [(kept,)] = platform.stored("SELECT next_offset FROM online_models WHERE edition = 1")
    trainer = platform.start("trainer")
    tried = "SELECT state, champion_version, candidate_version, result FROM retraining_jobs WHERE trigger = 'online'"
    wait_for(lambda: [state for state, *_ in platform.stored(tried) if state == "completed"], "it is tried", 60)
    [(_, champion, candidate, result)] = platform.stored(tried)
    assert (champion, result["passed"], result["algorithm"]) == (stale, True, "online_logistic_regression")
    assert result["entered"]["route"]["strategy"] == "champion_challenger"
    route = platform.tap("model-routes").to_end()[-1].body
    assert [arm["version"] for arm in route["revisions"][-1]["plan"]["arms"]] == [stale, candidate]
    records = platform.tap("labelled-predictions").to_end()
    assert 0 < kept < len(records), "it was killed on the way"
    wait_for(lambda: platform.stored("SELECT next_offset FROM online_models") == [(len(records),)], "the end is kept")
    trainer.stop()
    [(rows, state)] = platform.stored("SELECT rows, state FROM online_models")
    assert (rows, state) == (BEFORE + AFTER, never_killed(platform, records))
