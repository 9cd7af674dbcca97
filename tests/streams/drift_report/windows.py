"""Windows of shop customers, some of them drifting, as the monitor tells of them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from agents.drift_messages import window_record
from models.churn import CHURN
from models.drift import DriftState, Reference, Rules, Sketch, Window, advance, judge
from models.features import encode
from models.shifted import Shift, drifting_customers
from models.tabular import rows_of
from schemas.drift_events import encode_drift
from streams.drift_report.page import Report
from streams.drift_report.shown import shown
from streams.drift_report.told import Told
from tests.models.drift.worlds import churn_reference, customers

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = 1000
DRIFTING = "total_revenue"
RULES = Rules(window_rows=ROWS)


@cache
def reference() -> Reference:
    return churn_reference(customers(5000, 1), np.random.default_rng(1).uniform(size=5000))


def values(
    shifts: Sequence[float], version: str = "v1", feature: str = DRIFTING, minutes: float = 1.0
) -> Iterator[tuple[str, bytes]]:
    """("window" or "event", what lies on its topic) of one window for each shift, in deviations of the feature."""
    state = DriftState("churn", version)
    for number, shift in enumerate(shifts):
        frame = drifting_customers(ROWS, 50 + number, Shift(feature, shift, 0))
        sketch = Sketch(reference())
        answers = np.random.default_rng(number).uniform(size=ROWS).astype(np.float32)
        sketch.add(encode(CHURN, rows_of(frame, CHURN)).matrix, answers)
        begun = NOON + timedelta(minutes=minutes * number)
        window = Window(f"0@{number}", begun, begun + timedelta(minutes=minutes))
        verdict = judge(reference(), sketch, RULES)
        state, events = advance(state, window, verdict, RULES)
        yield from (("event", encode_drift(event)) for event in events)
        record = window_record("drift-windows", ("churn", version), window, verdict, 0)
        assert record.value is not None
        yield "window", record.value


def heard(lines: Iterable[tuple[str, bytes]]) -> Told:
    told = Told("churn")
    for kind, value in lines:
        (told.add_window if kind == "window" else told.add_event)(value)
    return told


def reported(told: Told, version: str = "v1", waiting: tuple[int, int] | None = None) -> Report:
    latest, points, spans = told.latest(version), told.points(version), told.spans(version)
    features = shown(latest, points, spans, reference())
    made_at = NOON + timedelta(hours=1)
    return Report("churn", version, made_at, NOON, None, latest, points, spans, features, waiting)
