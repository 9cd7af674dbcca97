"""A monitor that is killed in the middle of its windows, on the broker: what it counts and tells is as without that.

What it tells comes to who looks at the table, asks over HTTP or listens.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agents.sketching import Watched
from agents.watching import Watching, WatchOutlets
from infra.local.stack import RunningStack
from models.drift import Rules
from models.simulate import customer_rows
from schemas.drift_events import DriftEvent, encode_drift, read_drift
from schemas.drift_windows import DriftWindow, read_window
from schemas.message import Batch, Record
from schemas.sketches import CellSketch, read_sketched
from streams.bundles import BundleStore
from streams.references import watched
from streams.roles.monitor import SLOT_MS
from tests.agents.watched import FakeMonitorCounters
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.tap import Event
from tests.e2e.upstream import Key
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

WINDOW, ROWS = 500, 50
DRIFTING = "avg_order_value"


class Monitored:
    """A platform with a scorer, a monitor, a sink and a gateway, whose requests have fifty rows each."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.key: Key = platform.create_key(rate_limit=10_000_000, burst=1_000_000)
        self.rows = 0

    def ask(self, count: int, seed: int, shift: float = 0.0) -> None:
        """So many customers more, whose average orders are worth that much more; answered when it returns."""
        rows = customer_rows(count, seed)
        for row in rows:
            row[DRIFTING] += shift
        asked = [self._ask(rows[first : first + ROWS], first) for first in range(0, count, ROWS)]
        self.platform.upstream.flush()
        for request_id in asked:
            assert self.platform.result(request_id)["status"] == "ok"
        self.rows += count

    def _ask(self, rows: Sequence[Any], number: int) -> str:
        return self.platform.upstream.ask(self.key, list(rows), entity=f"c-{number}")

    def sketches(self) -> list[Event]:
        return self.platform.tap("feature-sketches").to_end()

    def counted(self) -> int:
        """Rows of all places, by what was last said of each."""
        last: dict[tuple[int, int], CellSketch] = {}
        for event in self.sketches():
            said = read_sketched(event.value)
            if isinstance(said, CellSketch):
                place = said.partition, said.cell
                last[place] = max(said, last.get(place, said), key=lambda one: one.last)
        return sum(sum(said.times.values()) for said in last.values())

    def windows(self) -> list[DriftWindow]:
        return [read_window(event.value) for event in self.platform.tap("drift-windows").to_end()]

    def events(self) -> list[DriftEvent]:
        return [read_drift(event.value) for event in self.platform.tap("drift-events").to_end()]

    def episodes(self) -> dict[str, DriftEvent]:
        """The last step of each by its id."""
        return {event.event_id: event for event in self.events()}

    def version(self) -> Watched:
        store, name = BundleStore(self.platform.environment["MODEL_STORE"]), "churn"
        found = watched(store.manifest(name, store.latest(name)))
        assert found is not None
        return found


@pytest.fixture(scope="module")
def monitored(stack: RunningStack, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, models, tmp_path_factory.mktemp("drift")) as platform,
    ):
        platform.environment |= {"DRIFT_WINDOW_RECORDS": str(WINDOW), "DRIFT_WINDOW_S": "0"}
        platform.up("scorer", "monitor", "sink", "gateway")
        yield Monitored(platform)


async def undisturbed(monitored: Monitored) -> list[DriftWindow]:
    """The windows of one monitor that read all sketches at once and never died."""
    reference = monitored.version()

    async def references(model: str, version: str) -> Watched:
        return reference

    async def states() -> dict[bytes, bytes]:
        return {}

    rules, outlets = Rules(window_rows=WINDOW), WatchOutlets("events", "windows", "states", "outliers")
    watching = Watching(references, states, FakeMonitorCounters(), rules, 0, SLOT_MS, outlets)
    records = [Record("t", e.partition, e.offset, 0, e.key, e.value, ()) for e in monitored.sketches()]
    emissions = await watching(Batch("t", records))
    return [read_window(emission.value) for emission in emissions if emission.topic == "windows"]


@pytest.mark.contract("D1", "D2", "D3")
async def test_a_drift_is_told_with_its_feature_though_monitors_are_killed_in_their_windows(
    monitored: Monitored,
) -> None:
    platform = monitored.platform
    for number, shift in enumerate((0.0, 0.0, 60.0, 60.0, 0.0, 0.0)):
        [monitor] = [worker for worker in platform.workers if worker.role == "monitor" and worker.running]
        monitored.ask(700, seed=20 + number, shift=shift)
        if number % 2 == 0:
            wait_for(lambda: monitored.counted() > monitored.rows - 700, "the monitor is at work")
            monitor.kill()
            platform.start("monitor")
    wait_for(lambda: monitored.counted() == monitored.rows == 4200, "every row is counted once", 60)

    windows = wait_for(lambda: _enough(monitored.windows()), "the windows", 60)
    assert {window.window: window for window in windows} == {
        window.window: window for window in await undisturbed(monitored)
    }
    assert 4200 - WINDOW < sum({window.window: window.rows for window in windows}.values()) <= 4200
    events = monitored.events()
    assert {event.feature for event in events} == {DRIFTING}
    assert Counter(event.phase for event in {(e.event_id, e.phase): e for e in events}.values())["opened"] == 1
    assert events[0].drift_result.drifted_features == (DRIFTING,)


def _enough(windows: Sequence[DriftWindow]) -> Sequence[DriftWindow]:
    rows = sum({window.window: window.rows for window in windows}.values())
    return windows if rows > 4200 - WINDOW else []


@pytest.mark.contract("D3", "F3")
def test_a_drift_comes_to_its_table_and_to_who_asks_or_listens(monitored: Monitored) -> None:
    platform = monitored.platform
    looking = {"X-API-Key": platform.create_key(permissions=["monitor"]).api_key}
    wait_for(lambda: platform.http.get("/drift", headers=looking).status_code == 200, "the gateway knows the key")
    seeds = count(40)

    def is_over() -> bool:
        """Whatever drifted before."""
        monitored.ask(500, seed=next(seeds))
        return all(event.phase == "resolved" for event in monitored.episodes().values())

    wait_for(is_over, "calm", 90)
    known = monitored.episodes()
    with platform.http.stream("GET", "/drift/events", headers=looking) as live:
        lines = live.iter_lines()
        assert next(lines).startswith("retry: ")
        monitored.ask(1500, seed=next(seeds), shift=60.0)
        event = wait_for(lambda: next((e for e in monitored.events() if e.event_id not in known), None), "a drift", 60)
        told = next(read_drift(line[6:].encode()) for line in lines if line.startswith("data: "))
        assert (told, told.feature, told.phase) == (event, DRIFTING, "opened")

        platform.settle("sink")
        assert platform.stored("SELECT phase FROM drift_events WHERE event_id = %s", event.event_id)[0] == ("opened",)
        judged = {window.window for window in monitored.windows()}
        assert {name for (name,) in platform.stored('SELECT "window" FROM drift_windows')} == judged
        _seen(platform, event, looking)

        [gateway] = [worker for worker in platform.workers if worker.role == "gateway"]
        before = time.monotonic()
        gateway.stop()
        assert time.monotonic() - before < 10, "the gateway waited for who listens"


def _seen(platform: Platform, event: DriftEvent, looking: dict[str, str]) -> None:
    """Over HTTP, and by the verb."""
    found = platform.http.get("/drift?open=true&model=churn", headers=looking).json()
    [episode] = [one for one in found["episodes"] if one["event_id"] == event.event_id]
    assert (episode["feature"], episode["open"]) == (DRIFTING, True)
    [window] = found["windows"]
    assert (window["outcome"], window["drift"], window["drifted"]) == ("tested", True, [DRIFTING])
    whole = platform.http.get(f"/drift/{event.event_id}", headers=looking).json()
    assert whole["steps"][0] == json.loads(encode_drift(event))
    shown = platform.cli("drift", "show", event.event_id, "--json")
    assert read_drift(json.dumps(json.loads(shown.stdout)[0]).encode()) == event, shown.stderr
    page = platform.workers[0].log.with_name("report.html")
    reported = platform.cli("drift", "report", "--model", "churn", "--out", str(page))
    assert f"drifting: {DRIFTING}" in reported.stdout, reported.stderr
    assert f"Drifting now: <b>{DRIFTING}</b>" in page.read_text()
