"""How often a window is a false alarm, and how often a drift is found: over many seeds, on the default domain."""

import numpy as np
import pytest

from models.churn import CHURN
from models.drift import Rules, judge
from tests.models.drift.worlds import Matrix, churn_reference, customers, sketched

REFERENCE, WINDOW = 5000, 1000
QUIET, SHIFTED = range(1000, 1200), range(2000, 2100)
BARE = Rules(least_effect=0.0)
"""Significance alone decides."""
NUMBERS = [feature for feature in CHURN.features if feature.type != "str"]


@pytest.mark.contract("D1")
def test_windows_without_drift_raise_no_more_alarms_than_nominal() -> None:
    alarms = {"as shipped": 0, "significance alone": 0}
    for seed in QUIET:
        rows = customers(REFERENCE + WINDOW, seed)
        known = churn_reference(rows[:REFERENCE])
        window = sketched(known, rows[REFERENCE:])
        for (name, _), rules in zip(alarms.items(), (Rules(), BARE), strict=True):
            alarms[name] += judge(known, window, rules).drift
    print(f"seeds {QUIET}: {alarms} of {len(QUIET)} windows")
    assert alarms["significance alone"] <= 0.05 * len(QUIET)
    assert alarms["as shipped"] == 0


@pytest.mark.contract("D1")
def test_a_shift_of_one_deviation_is_found_and_nothing_else() -> None:
    """Each seed another feature; of integers the next whole number of at least one deviation."""
    found: dict[str, int] = {"as shipped": 0, "significance alone": 0}
    for seed in SHIFTED:
        rows = customers(REFERENCE + WINDOW, seed)
        known = churn_reference(rows[:REFERENCE])
        name, window = _shifted(rows[REFERENCE:], rows[:REFERENCE], seed)
        sketch = sketched(known, window)
        for (kind, _), rules in zip(found.items(), (Rules(), BARE), strict=True):
            found[kind] += judge(known, sketch, rules).drifted == (name,)
    print(f"seeds {SHIFTED}: exactly the shifted feature in {found} of {len(SHIFTED)} windows")
    assert found["as shipped"] >= 95
    assert found["significance alone"] >= 90


def _shifted(window: Matrix, reference: Matrix, seed: int) -> tuple[str, Matrix]:
    feature = NUMBERS[seed % len(NUMBERS)]
    place = CHURN.names.index(feature.name)
    by = float(reference[:, place].std())
    changed = window.copy()
    changed[:, place] += np.float32(np.ceil(by) if feature.type == "int" else by)
    return feature.name, changed
