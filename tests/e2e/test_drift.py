"""Two monitors, one of which is killed again and again, on the broker: what they tell is as of one that never died.

What they tell comes to who looks at the table, asks over HTTP or listens.
"""

import json
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import RunningStack
from models.drift.severity import SEVERITIES
from schemas.drift_events import DriftEvent, encode_drift, read_drift
from schemas.drift_windows import DriftWindow
from tests.e2e.monitored import Monitored, check_corrected, figures
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

WINDOW, TRAINED, ASKED = 1000, 5000, 1100
MOVED = (0.0, 0.0, 1.0, 3.0, 3.0)
"""By how many deviations each lot of rows is, before quiet ones. A lot may be one window, where a monitor died."""
DRIFTING, SWITCHING = "avg_order_value", "payment_method"


@pytest.fixture(scope="module")
def monitored(stack: RunningStack, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, models, tmp_path_factory.mktemp("drift")) as platform,
    ):
        platform.environment |= {"DRIFT_WINDOW_RECORDS": str(WINDOW), "DRIFT_WINDOW_S": "0"}
        platform.up("scorer", "monitor", "sink", "gateway")
        yield Monitored(platform, WINDOW)


@pytest.mark.contract("D1", "D2")
def test_a_window_that_is_not_full_is_not_judged_and_sketches_that_come_again_do_not_fill_it(
    monitored: Monitored,
) -> None:
    monitored.ask(700, seed=1)
    wait_for(lambda: monitored.fill() == 0.7, "the metrics say how full it is")
    monitored.send_again()
    monitored.ask(50, seed=2)
    wait_for(lambda: monitored.fill() == 0.75, "the rows that came after the sketches that came again")
    assert (monitored.windows(), monitored.events()) == ([], [])


@pytest.mark.contract("D1", "D2", "D3")
async def test_a_drift_is_told_with_its_feature_though_monitors_are_killed_in_their_windows(
    monitored: Monitored,
) -> None:
    """Of one deviation, then of three, then over."""
    platform, before = monitored.platform, monitored.rows
    platform.up("monitor")
    [deviation] = [one.std for one in monitored.known.reference.features if one.name == DRIFTING]
    for number, times in enumerate(MOVED):
        monitored.ask(ASKED, seed=20 + number, change=partial(_dearer, times * deviation))
        if number in (1, 3):
            wait_for(lambda: monitored.counted() > monitored.rows - ASKED, "the monitors are at work")
            [monitor, _] = [worker for worker in platform.workers if worker.role == "monitor" and worker.running]
            monitor.kill()
            platform.start("monitor")
        wait_for(lambda: monitored.counted() == monitored.rows, "every row is counted once", 60)
    assert monitored.rows == before + len(MOVED) * ASKED
    seeds = count(30)

    def is_over() -> bool:
        monitored.ask(ASKED, seed=next(seeds))
        wait_for(lambda: monitored.counted() == monitored.rows, "every row is counted once", 60)
        return {event.phase for event in monitored.episodes().values()} == {"resolved"}

    wait_for(is_over, "calm", 90)
    assert monitored.sketched() == monitored.sketched_at_once()
    assert len({said.partition for said in monitored.cells()}) > 1

    windows = wait_for(lambda: _enough(monitored), "the windows", 60)
    undisturbed = {window.window: window for window in await monitored.undisturbed()}
    assert {name: figures(window) for name, window in windows.items()} == {
        name: figures(window) for name, window in undisturbed.items()
    }
    assert windows == undisturbed
    assert all(window.rows >= WINDOW for window in windows.values())
    assert [one.drift for one in windows.values()][:1] == [False]
    for window in windows.values():
        check_corrected(window)
    _is_one_life(monitored)


def _dearer(by: float, row: dict[str, Any]) -> None:
    row[DRIFTING] += by


def _enough(monitored: Monitored) -> dict[str, DriftWindow]:
    windows = {window.window: window for window in monitored.windows()}
    rows = sum(window.rows for window in windows.values())
    assert rows <= monitored.rows
    return windows if rows > monitored.rows - WINDOW else {}


def _is_one_life(monitored: Monitored) -> None:
    """The features' only one: of the one that was moved."""
    steps = [event for event in monitored.events() if event.subject == "feature"]
    assert {(one.feature, one.event_id, one.first_seen) for one in steps} == {
        (DRIFTING, steps[0].event_id, steps[0].first_seen)
    }
    phases = [one.phase for one in steps]
    assert phases == ["opened", *["worsened"] * (len(steps) - 2), "resolved"]
    assert len(steps) > 2
    assert [one.severity for one in steps] == sorted((one.severity for one in steps), key=SEVERITIES.index)
    assert steps[-1].severity == "critical"
    for one in steps:
        _is_a_case(one, monitored.version)
    bodies = [event.body for event in monitored.platform.tap("drift-events").to_end()]
    for body in bodies:
        assert body.keys() >= {"event_id", "event_type", "severity", "drift_result", "timestamp", "phase"}


def _is_a_case(event: DriftEvent, version: str) -> None:
    result, goes_on = event.drift_result, event.phase != "resolved"
    assert event.event_type == ("drift_detected" if goes_on else "drift_resolved")
    assert (event.model, event.model_version) == ("churn", version)
    assert event.first_seen <= event.timestamp
    assert (result.drift_detected, result.drifted_features) == (goes_on, (DRIFTING,) if goes_on else ())
    assert result.distances.keys() == {"ks", "psi", "jensen_shannon", "wasserstein"}
    assert sum(one.reference for one in result.bins) == result.reference_rows == TRAINED
    assert sum(one.current for one in result.bins) == result.current_rows >= WINDOW
    assert result.p_value is not None
    assert result.threshold is not None
    assert (result.p_value <= result.threshold) is goes_on
    weights = [one.weight for one in result.top_features]
    assert weights == sorted(weights, reverse=True) != []


@pytest.mark.contract("D1", "D3", "F3")
def test_a_drift_comes_to_its_table_and_to_who_asks_or_listens(monitored: Monitored) -> None:
    """Of a text: half of those who pay otherwise do so by bank."""
    platform = monitored.platform
    known = monitored.episodes()
    with platform.http.stream("GET", "/drift/events", headers=monitored.looking) as live:
        lines = live.iter_lines()
        assert next(lines).startswith("retry: ")
        monitored.ask(2 * WINDOW, seed=40, change=_by_bank)
        event = wait_for(lambda: next((e for e in monitored.events() if e.event_id not in known), None), "a drift", 60)
        told = next(read_drift(line[6:].encode()) for line in lines if line.startswith("data: "))
        assert (told, told.feature, told.phase) == (event, SWITCHING, "opened")
        assert (told.drift_result.test, told.drift_result.drifted_features) == ("chi_square", (SWITCHING,))

        platform.settle("sink")
        assert platform.stored("SELECT phase FROM drift_events WHERE event_id = %s", event.event_id)[0] == ("opened",)
        judged = {window.window for window in monitored.windows()}
        assert {name for (name,) in platform.stored('SELECT "window" FROM drift_windows')} == judged
        _seen(platform, event, monitored.looking)

        [gateway] = [worker for worker in platform.workers if worker.role == "gateway"]
        before = time.monotonic()
        gateway.stop()
        assert time.monotonic() - before < 10, "the gateway waited for who listens"


def _by_bank(row: dict[str, Any]) -> None:
    """Gift cards stay: answers hang on them."""
    if row["payment_method"] != "gift_card" and row["total_orders"] % 2:
        row["payment_method"] = "bank_transfer"


def _seen(platform: Platform, event: DriftEvent, looking: dict[str, str]) -> None:
    """Over HTTP, and by the verb."""
    found = platform.http.get("/drift?open=true&model=churn", headers=looking).json()
    [episode] = [one for one in found["episodes"] if one["event_id"] == event.event_id]
    assert (episode["feature"], episode["open"]) == (SWITCHING, True)
    [window] = found["windows"]
    assert (window["outcome"], window["drift"], window["drifted"]) == ("tested", True, [SWITCHING])
    whole = platform.http.get(f"/drift/{event.event_id}", headers=looking).json()
    assert whole["steps"][0] == json.loads(encode_drift(event))
    shown = platform.cli("drift", "show", event.event_id, "--json")
    assert read_drift(json.dumps(json.loads(shown.stdout)[0]).encode()) == event, shown.stderr
    page = platform.workers[0].log.with_name("report.html")
    reported = platform.cli("drift", "report", "--model", "churn", "--out", str(page))
    assert f"drifting: {SWITCHING}" in reported.stdout, reported.stderr
    assert f"Drifting now: <b>{SWITCHING}</b>" in page.read_text()
