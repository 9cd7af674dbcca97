"""How often a window is a false alarm, and how often a drift is found: over many seeds, on the default domain."""

import numpy as np
import pytest

from models.churn import CHURN
from models.drift import Rules, judge
from tests.models.drift.worlds import Matrix, churn_reference, customers, sketched

REFERENCE, WINDOW = 5000, 1000
QUIET = [range(1000, 1050), pytest.param(range(1000, 1200), marks=pytest.mark.long)]
SHIFTED = [range(2000, 2030), pytest.param(range(2000, 2100), marks=pytest.mark.long)]
"""All of them in `make faults`."""
BARE = Rules(least_effect=0.0)
"""Significance alone decides."""
NUMBERS = [feature for feature in CHURN.features if feature.type != "str"]


@pytest.mark.no_cover
@pytest.mark.contract("D1")
@pytest.mark.parametrize("seeds", QUIET, ids=len)
def test_windows_without_drift_raise_no_more_alarms_than_nominal(seeds: range) -> None:
    alarms = {"as shipped": 0, "significance alone": 0}
    for seed in seeds:
        rows = customers(REFERENCE + WINDOW, seed)
        known = churn_reference(rows[:REFERENCE])
        window = sketched(known, rows[REFERENCE:])
        for (name, _), rules in zip(alarms.items(), (Rules(), BARE), strict=True):
            alarms[name] += judge(known, window, rules).drift
    print(f"{seeds}: {alarms} of {len(seeds)} windows")
    assert alarms["significance alone"] <= 0.05 * len(seeds)
    assert alarms["as shipped"] == 0


@pytest.mark.no_cover
@pytest.mark.contract("D1")
@pytest.mark.parametrize("seeds", SHIFTED, ids=len)
def test_a_shift_of_one_deviation_is_found_and_nothing_else(seeds: range) -> None:
    """Each seed another feature; of integers the next whole number of at least one deviation."""
    found: dict[str, int] = {"as shipped": 0, "significance alone": 0}
    for seed in seeds:
        rows = customers(REFERENCE + WINDOW, seed)
        known = churn_reference(rows[:REFERENCE])
        name, window = _shifted(rows[REFERENCE:], rows[:REFERENCE], seed)
        sketch = sketched(known, window)
        for (kind, _), rules in zip(found.items(), (Rules(), BARE), strict=True):
            found[kind] += judge(known, sketch, rules).drifted == (name,)
    print(f"{seeds}: exactly the shifted feature in {found} of {len(seeds)} windows")
    assert found["as shipped"] >= 0.95 * len(seeds)
    assert found["significance alone"] >= 0.9 * len(seeds)


def _shifted(window: Matrix, reference: Matrix, seed: int) -> tuple[str, Matrix]:
    feature = NUMBERS[seed % len(NUMBERS)]
    place = CHURN.names.index(feature.name)
    by = float(reference[:, place].std())
    changed = window.copy()
    changed[:, place] += np.float32(np.ceil(by) if feature.type == "int" else by)
    return feature.name, changed
