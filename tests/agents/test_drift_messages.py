"""What the monitor says of a window, as it lies on `drift-windows`."""

from datetime import UTC, datetime

import numpy as np

from agents.drift_messages import window_record
from models.drift import Rules, Window, judge
from schemas.drift_windows import DriftWindow, read_window
from tests.models.drift.worlds import churn_reference, customers, sketched

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RANDOM = np.random.default_rng(4)


def told(rows: int) -> tuple[bytes, DriftWindow]:
    reference = churn_reference(customers(5000, 1), RANDOM.uniform(size=5000))
    verdict = judge(reference, sketched(reference, customers(rows, 2)), Rules())
    record = window_record("drift-windows", ("churn", "v1"), Window("0@1", NOON, NOON), verdict, 0)
    assert record.value is not None
    return record.value, read_window(record.value)


def test_a_window_tells_each_features_histogram() -> None:
    _, window = told(1000)
    assert len(window.features) == 22
    for one in window.features:
        assert one.bins is not None
        assert len(one.bins.current) == len(one.bins.reference) > 2
        assert sum(one.bins.reference) == 5000
        assert sum(one.bins.current) == (1000 if one.subject == "feature" else 0)


def test_a_window_of_21_features_takes_less_than_16_kib() -> None:
    content, _ = told(50_000)
    assert len(content) < 16 * 1024


def test_a_window_that_an_older_monitor_judged_has_no_histograms_and_is_read() -> None:
    content, window = told(1000)
    first = window.features[0]
    older = content.replace(b',"bins":{', b',"else":{')
    assert read_window(older).features[0].bins is None
    assert read_window(older).features[0].distance == first.distance
