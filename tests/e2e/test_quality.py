"""Truth that comes while sinks and monitors are killed, on the broker: each answer is graded once. Odd rows too."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.grading import Grading, GradingOutlets
from infra.local.stack import RunningStack
from models.simulate import customer_rows
from schemas.labelled import LabelledPrediction, read_labelled
from schemas.message import Batch, Record
from schemas.outlier_events import OutlierEvent, read_outlier
from schemas.performance import ModelPerformance, read_performance
from schemas.shadow import Reply, ServedBy, ShadowResult, TriedBy, compared, encode_shadow
from tests.agents.watched import FakeMonitorCounters
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.upstream import Key, now_ms, signed_headers
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

WINDOW, ROWS, REQUESTS = 100, 20, 30
CHALLENGER = "v2"
ODD = {"total_revenue", "avg_order_value", "order_frequency"}


@pytest.fixture
def platform(stack: RunningStack, models: Path, tmp_path: Path) -> Iterator[Platform]:
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, models, tmp_path) as platform,
    ):
        platform.environment |= {"DRIFT_WINDOW_RECORDS": str(WINDOW), "DRIFT_WINDOW_S": "0"}
        platform.up("scorer", "sink", "monitor")
        yield platform


class Truth:
    """Asks, tells the truth of each row, and has a challenger answer beside the champion."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.key: Key = platform.create_key(rate_limit=10_000_000, burst=1_000_000)

    def ask(self, rows: Sequence[Any]) -> list[Any]:
        """The results, in requests of ROWS rows."""
        parts = [list(rows[first : first + ROWS]) for first in range(0, len(rows), ROWS)]
        asked = [self.platform.upstream.ask(self.key, part, entity=f"c-{i}") for i, part in enumerate(parts)]
        self.platform.upstream.flush()
        return [self.platform.result(request_id) for request_id in asked]

    def tell(self, result: Any, seed: int) -> None:
        """Labels of every row, a few of them wrong."""
        for row, answer in enumerate(result["rows"]):
            label = int(answer["label"] != ((row + seed) % 7 == 0))
            body = json.dumps({"request_id": result["request_id"], "row": row, "label": label}).encode()
            topic, request_id = self.platform.topic("feedback"), result["request_id"]
            headers = signed_headers(self.key, topic, request_id, request_id, body, now_ms())
            self.platform.upstream.send("feedback", request_id.encode(), body, headers)

    def try_beside(self, result: Any) -> None:
        """A copy, as the shadow agent writes it."""
        rows = tuple(
            compared(i, Reply(tuple(row["predictions"]), row["label"]), Reply((0.4, 0.6), 1))
            for i, row in enumerate(result["rows"])
        )
        told = {name: result[name] for name in ("request_id", "entity", "model", "route_epoch")}
        moments = {name: result[name] for name in ("requested_at", "scored_at")}
        champion = ServedBy(result["model_version"], result["arm"], 1.0)
        copy = ShadowResult(**told, champion=champion, challenger=TriedBy(CHALLENGER, 0.5), rows=rows, **moments)
        self.platform.upstream.send("shadow-results", result["entity"].encode(), encode_shadow(copy), {})


def labelled(platform: Platform) -> list[LabelledPrediction]:
    return [read_labelled(event.value) for event in platform.tap("labelled-predictions").to_end()]


def distinct(platform: Platform) -> dict[tuple[str, int, str], LabelledPrediction]:
    return {(one.request_id, one.row, one.model_version): one for one in labelled(platform)}


def windows(platform: Platform) -> list[ModelPerformance]:
    read = [read_performance(event.value) for event in platform.tap("model-performance").to_end()]
    return sorted({one.window + one.role: one for one in read if not one.estimated}.values(), key=_place)


def _place(one: ModelPerformance) -> tuple[str, int]:
    return one.role, int(one.window.split("/")[1])


async def undisturbed(platform: Platform) -> list[ModelPerformance]:
    """The windows of one monitor that read all at once and never died."""

    async def states() -> dict[bytes, bytes]:
        return {}

    grading = Grading(states, FakeMonitorCounters(), WINDOW, GradingOutlets("performance", "events", "states"))
    events = platform.tap("labelled-predictions").to_end()
    records = [Record("t", e.partition, e.offset, 0, e.key, e.value, ()) for e in events]
    emissions = await grading(Batch("t", records))
    return sorted((read_performance(e.value) for e in emissions if e.topic == "performance"), key=_place)


@pytest.mark.contract("D5")
async def test_each_answer_is_graded_once_though_sinks_and_monitors_are_killed(platform: Platform) -> None:
    truth = Truth(platform)
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
    query = "SELECT count(*) FROM model_performance WHERE NOT estimated"
    wait_for(lambda: platform.stored(query) == [(len(found),)], "the table has them", 60)
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


@pytest.mark.contract("D4")
def test_an_odd_row_is_told_with_its_request(platform: Platform) -> None:
    truth = Truth(platform)
    rows = customer_rows(ROWS, seed=6)
    rows[7] |= {name: 1e6 if name in ODD else 1.0 for name, value in rows[7].items() if isinstance(value, float)}
    rows[7] |= dict.fromkeys(("website_visits_30d", "total_orders", "returns_count", "refunds_count"), 9000)
    [result] = truth.ask(rows)

    def told() -> OutlierEvent | None:
        read = [read_outlier(event.value) for event in platform.tap("outlier-events").to_end()]
        mine = [one for one in read if isinstance(one, OutlierEvent) and one.row == 7]
        return mine[0] if mine else None

    event = wait_for(told, "the odd row")
    assert (event.request_id, event.entity) == (result["request_id"], "c-0")
    assert event.outlier_result.score > event.outlier_result.threshold
    query = "SELECT count(*) FROM outlier_events WHERE event_id = %s"
    wait_for(lambda: platform.stored(query, event.event_id) == [(1,)], "the table has it")
