"""A platform whose monitor is looked at: what it is given, what it counted and what it told."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from agents.sketching import Watched
from agents.watching import Watching, WatchOutlets
from infra.kafka import publish
from models.churn import CHURN
from models.drift import Rules, Sketch, merged, read_sketch
from models.features import encode
from models.simulate import customer_rows
from schemas.drift_events import DriftEvent, read_drift
from schemas.drift_windows import DriftWindow, read_window
from schemas.message import Batch, Record
from schemas.sketches import CellSketch, read_sketched
from streams.bundles import BundleStore
from streams.references import watched
from streams.roles.monitor import SLOT_MS
from tests.agents.watched import FakeMonitorCounters
from tests.e2e.platform import Platform, wait_for
from tests.e2e.tap import Event
from tests.e2e.upstream import Key

ROWS = 50
MODEL = "churn"
TEXTS = ("favorite_category", "payment_method", "shipping_method")

Change = Callable[[dict[str, Any]], None]
"""What becomes of a customer."""


class Monitored:
    """Requests of fifty rows each, all of which the monitor is to count, and its topics."""

    def __init__(self, platform: Platform, window: int) -> None:
        self.platform, self.window = platform, window
        self.key: Key = platform.create_key(rate_limit=10_000_000, burst=1_000_000)
        self.rows = 0
        store = BundleStore(platform.environment["MODEL_STORE"])
        self.version = store.latest(MODEL)
        found = watched(store.manifest(MODEL, self.version))
        assert found is not None
        self.known: Watched = found
        self.looking = {"X-API-Key": platform.create_key(permissions=["monitor"]).api_key}
        wait_for(lambda: platform.http.get("/drift", headers=self.looking).status_code == 200, "the gateway knows it")

    def ask(self, count: int, seed: int, change: Change | None = None) -> None:
        """So many customers more, each changed; answered when it returns."""
        rows = customer_rows(count, seed)
        if change is not None:
            for row in rows:
                change(row)
        asked = [self._ask(rows[first : first + ROWS], first) for first in range(0, count, ROWS)]
        self.platform.upstream.flush()
        for request_id in asked:
            assert self.platform.result(request_id)["status"] == "ok"
        self.rows += count

    def _ask(self, rows: Sequence[Any], number: int) -> str:
        return self.platform.upstream.ask(self.key, list(rows), entity=f"c-{number}")

    def sketches(self) -> list[Event]:
        return self.platform.tap("feature-sketches").to_end()

    def send_again(self) -> None:
        """Every sketch that there is, after all others."""
        lines = [(event.key or b"", event.value or b"", ()) for event in self.sketches() if event.key]
        assert lines
        publish({"bootstrap.servers": self.platform.bootstrap}, self.platform.topic("feature-sketches"), lines)

    def cells(self) -> list[CellSketch]:
        """What was last said of each place."""
        last: dict[tuple[int, int], CellSketch] = {}
        for event in self.sketches():
            said = read_sketched(event.value)
            if isinstance(said, CellSketch):
                place = said.partition, said.cell
                last[place] = max(said, last.get(place, said), key=lambda one: one.last)
        return list(last.values())

    def counted(self) -> int:
        """Rows of all places."""
        return sum(sum(said.times.values()) for said in self.cells())

    def sketched(self) -> Sketch:
        """The sketches of all places and keys together."""
        parts = (part for said in self.cells() for part in said.rows.values())
        return merged(self.known.reference, (read_sketch(self.known.reference, part) for part in parts))

    def sketched_at_once(self) -> Sketch:
        """One sketch of every row that lies on the results' topic."""
        bodies = [event.body for event in self.platform.tap("prediction-results").to_end()]
        rows = [row for body in bodies if body.get("status") == "ok" for row in body["rows"]]
        sketch = Sketch(self.known.reference)
        answers = np.array([row["predictions"][1] for row in rows], dtype=np.float32)
        sketch.add(encode(self.known.signature, [row["features"] for row in rows]).matrix, answers)
        return sketch

    def windows(self) -> list[DriftWindow]:
        return [read_window(event.value) for event in self.platform.tap("drift-windows").to_end()]

    def events(self) -> list[DriftEvent]:
        """Each step once."""
        told = [read_drift(event.value) for event in self.platform.tap("drift-events").to_end()]
        return list({(one.event_id, one.phase, one.timestamp, one.windows): one for one in told}.values())

    def episodes(self) -> dict[str, DriftEvent]:
        """The last step of each by its id."""
        return {event.event_id: event for event in self.events()}

    def fill(self) -> float:
        """How full the window is, as the metrics say."""
        text = self.platform.http.get("/metrics", headers=self.looking).text
        found = re.search(rf'drift_window_fill_ratio{{[^}}]*model="{MODEL}"[^}}]*}} (\S+)', text)
        return float(found[1]) if found else -1.0

    async def undisturbed(self) -> list[DriftWindow]:
        """The windows of one monitor that read all sketches at once and never died."""

        async def references(model: str, version: str) -> Watched:
            return self.known

        async def states() -> dict[bytes, bytes]:
            return {}

        rules, outlets = Rules(window_rows=self.window), WatchOutlets("events", "windows", "states", "outliers")
        watching = Watching(references, states, FakeMonitorCounters(), rules, 0, SLOT_MS, outlets)
        records = [Record("t", e.partition, e.offset, 0, e.key, e.value, ()) for e in self.sketches()]
        emissions = await watching(Batch("t", records))
        return [read_window(emission.value) for emission in emissions if emission.topic == "windows"]


def figures(window: DriftWindow) -> tuple[Any, ...]:
    return window.start, window.end, window.rows, window.late_rows, window.drift, window.smallest_p


def check_corrected(window: DriftWindow) -> None:
    """One family of 21 features and the answer, each with what its own kind of test says."""
    assert [one.feature for one in window.features if one.subject == "feature"] == list(CHURN.names)
    p_values = [one.p_value for one in window.features if one.p_value is not None]
    assert (len(p_values), window.correction, window.alpha) == (22, "bonferroni", 0.05)
    assert window.threshold == pytest.approx(0.05 / 22)
    assert window.smallest_p == min(p_values)
    for one in window.features:
        assert one.test == ("chi_square" if one.feature in TEXTS else "ks")
        assert one.distance == one.distances[one.test]
