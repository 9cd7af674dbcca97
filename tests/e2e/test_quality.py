"""Truth that comes while sinks and monitors are killed, on the broker: each answer is graded once. Odd rows too.

Too many of these, and too many wrong answers, are episodes and alerts.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from agents.grades import decode_grades
from agents.grading import Grading, GradingOutlets
from infra.local.stack import RunningStack
from models.drift.concept import KINDS
from models.simulate import customer_rows
from schemas.message import Batch, Record
from schemas.performance import ModelPerformance, read_performance
from tests.agents.watched import FakeMonitorCounters
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.truth import (
    CHALLENGER,
    ROWS,
    Truth,
    alerts,
    distinct,
    high_rates,
    labelled,
    odd,
    outliers,
    place,
    steps,
    windows,
)
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

WINDOW, REQUESTS, CONTAMINATION = 100, 30, 0.05


@pytest.fixture(scope="module")
def platform(stack: RunningStack, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, models, tmp_path_factory.mktemp("quality")) as platform,
    ):
        platform.environment |= {"DRIFT_WINDOW_RECORDS": str(WINDOW), "DRIFT_WINDOW_S": "0"}
        platform.environment["OUTLIERS_IN_ANSWERS"] = "true"
        platform.up("scorer", "sink", "monitor")
        yield platform


@pytest.fixture(scope="module")
def truth(platform: Platform) -> Truth:
    return Truth(platform)


async def undisturbed(platform: Platform) -> list[ModelPerformance]:
    """The windows of one monitor that read all at once and never died."""

    async def states() -> dict[bytes, bytes]:
        return {}

    grading = Grading(states, FakeMonitorCounters(), WINDOW, GradingOutlets("performance", "events", "states"))
    events = platform.tap("labelled-predictions").to_end()
    records = [Record("t", e.partition, e.offset, 0, e.key, e.value, ()) for e in events]
    emissions = await grading(Batch("t", records))
    return sorted((read_performance(e.value) for e in emissions if e.topic == "performance"), key=place)


@pytest.mark.contract("D5")
async def test_each_answer_is_graded_once_though_sinks_and_monitors_are_killed(
    platform: Platform, truth: Truth
) -> None:
    results = truth.ask(customer_rows(ROWS * REQUESTS, seed=5))
    for number, result in enumerate(results):
        if number % 2:  # either comes first
            truth.try_beside(result)
        truth.tell(result, seed=number)
        if not number % 2:
            truth.try_beside(result)
        if number in (10, 20):
            _kill_while_at_work(platform, 10 * number)
    platform.upstream.flush()

    wait_for(lambda: len(distinct(platform)) == 2 * ROWS * REQUESTS, "every answer of both beside its truth", 90)
    for role in ("served", "shadow"):
        numbers = {one.number for one in distinct(platform).values() if one.role == role}
        assert numbers == set(range(1, ROWS * REQUESTS + 1))
    found = wait_for(lambda: _enough(windows(platform)), "all windows", 90)
    assert found == await undisturbed(platform)
    assert [one.rows for one in found] == [WINDOW] * (2 * ROWS * REQUESTS // WINDOW)
    served = [one for one in found if one.role == "served"]
    assert all(0.7 < one.measures["accuracy"] < 1.0 for one in served)
    query = """SELECT role, "window", model_version, "start", "end", measures FROM model_performance
        WHERE NOT estimated"""
    wait_for(lambda: len(platform.stored(query)) == len(found), "the table has them", 60)
    told = [(one.role, one.window, one.model_version, one.start, one.end, dict(one.measures)) for one in found]
    assert sorted(platform.stored(query)) == sorted(told)
    assert {one.model_version for one in found} == {CHALLENGER, results[0]["model_version"]}
    assert platform.stored("SELECT count(*) FROM labelled_outbox") == [(0,)]
    estimates = platform.stored("SELECT (measures->>'accuracy')::float FROM model_performance WHERE estimated")
    assert estimates
    assert all(0.5 < accuracy <= 1.0 for (accuracy,) in estimates)


def _kill_while_at_work(platform: Platform, rows: int) -> None:
    platform.upstream.flush()
    wait_for(lambda: len(labelled(platform)) > rows, "the sink and its relay are at work", 60)
    for role in ("sink", "monitor"):
        [worker] = [one for one in platform.workers if one.role == role and one.running]
        worker.kill()
        platform.start(role)


def _enough(found: list[ModelPerformance]) -> list[ModelPerformance]:
    return found if len(found) == 2 * ROWS * REQUESTS // WINDOW else []


@pytest.mark.contract("D5")
def test_errors_that_become_many_are_a_drift_of_the_concept_and_an_alert(platform: Platform, truth: Truth) -> None:
    for number, result in enumerate(truth.ask(customer_rows(15 * ROWS, seed=9))):
        truth.tell(result, seed=number, wrong=5)
    platform.upstream.flush()
    [opened] = wait_for(lambda: steps(platform, "concept")[:1], "the drift of the concept", 60)
    assert (opened.feature, opened.phase, opened.severity) == ("error (served)", "opened", "critical")
    assert opened.drift_result.test in KINDS
    assert opened.drift_result.effect > 0.3
    alert = wait_for(lambda: alerts(platform, opened.event_id)[:1], "its alert")[0]
    assert (alert.phase, alert.subject) == ("opened", "concept")
    key = f"quality:churn/{opened.model_version}".encode()
    saved = [event.value or b"" for event in platform.tap("monitor-state").to_end() if event.key == key]
    assert [one["detector"] for one in decode_grades(saved[-1]).roles["served"].detectors] == list(KINDS)


@pytest.mark.contract("D4")
def test_an_odd_row_is_told_with_its_request_and_what_stands_out(platform: Platform, truth: Truth) -> None:
    rows = customer_rows(ROWS, seed=6)
    usual, rows[7] = rows[7], odd(rows[7])
    [result] = truth.ask(rows)
    asked = result["request_id"], 7
    event = wait_for(lambda: {(one.request_id, one.row): one for one in outliers(platform)}.get(asked), "the odd row")
    assert event.entity == "c-0"
    assert event.outlier_result.score > event.outlier_result.threshold
    shown = {one.feature for one in event.outlier_result.features}
    assert shown
    assert shown <= {name for name, value in rows[7].items() if value != usual[name]}
    query = "SELECT count(*) FROM outlier_events WHERE event_id = %s AND event_type = 'outliers_detected'"
    wait_for(lambda: platform.stored(query, event.event_id) == [(1,)], "the table has it")
    said = {number for number, row in enumerate(result["rows"]) if row["outlier"]}
    assert said == {one.row for one in outliers(platform) if one.request_id == asked[0]}
    query = "SELECT \"row\" FROM prediction_feedback WHERE request_id = %s AND metadata->>'outlier' = 'true'"
    wait_for(lambda: {row for (row,) in platform.stored(query, asked[0])} == said, "the table says it too")


@pytest.mark.contract("D4")
def test_the_rate_is_the_contamination_and_above_twice_that_an_alert_until_it_is_over(
    platform: Platform, truth: Truth
) -> None:
    usual = {result["request_id"] for result in truth.ask(customer_rows(REQUESTS * ROWS, seed=8))}
    truth.ask([odd(row) if i % 3 == 0 else row for i, row in enumerate(customer_rows(3 * WINDOW, seed=10))])
    [opened] = wait_for(lambda: steps(platform, "outliers")[:1], "the outlier rate", 60)
    rates = wait_for(lambda: high_rates(platform), "the rates of windows")
    assert all(one.rate_result.rate > 2 * CONTAMINATION == 2 * one.rate_result.contamination for one in rates)
    assert opened.drift_result.effect == rates[0].rate_result.rate
    flagged = sum(one.request_id in usual for one in outliers(platform))
    assert abs(flagged / (REQUESTS * ROWS) - CONTAMINATION) < 0.025

    assert wait_for(lambda: alerts(platform, opened.event_id), "its alert")[0].phase == "opened"
    seeds = count(11)

    def is_over() -> bool:
        truth.ask(customer_rows(WINDOW, seed=next(seeds)))
        return alerts(platform, opened.event_id)[-1].phase == "resolved"

    wait_for(is_over, "that it is over", 90)
    told = alerts(platform, opened.event_id)
    worse = ["worsened"] * (len(told) == 3)  # where the first window has usual rows as well
    assert [one.phase for one in told] == ["opened", *worse, "resolved"]
    assert {one.severity for one in told} == {"warning"}
    query = "SELECT phase FROM drift_events WHERE event_id = %s AND subject = 'outliers'"  # of one moment, perhaps
    wait_for(lambda: ("resolved",) in platform.stored(query, opened.event_id), "the table has it")
