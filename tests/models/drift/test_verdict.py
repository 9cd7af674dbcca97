"""What a window says of all features together."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.churn import CHURN
from models.drift import TESTS, Reference, Rules, Verdict, judge
from models.drift.feature_verdict import FeatureVerdict
from schemas.errors import InvalidRequest
from tests.models.drift.worlds import SMALL, Matrix, churn_reference, customers, only, sketched

REFERENCE, WINDOW = 5000, 1000
SCORES = np.linspace(0, 1, 500)


def moved(rows: Matrix, name: str, by: float) -> Matrix:
    changed = rows.copy()
    changed[:, CHURN.names.index(name)] += np.float32(by)
    return changed


def of(verdict: Verdict, name: str) -> FeatureVerdict:
    return next(one for one in verdict.all if one.name == name)


@pytest.fixture(scope="module")
def rows() -> Matrix:
    return customers(REFERENCE + WINDOW, seed=42)


@pytest.fixture(scope="module")
def known(rows: Matrix) -> Reference:
    return churn_reference(rows[:REFERENCE])


@pytest.mark.contract("D1")
def test_below_the_window_size_nothing_is_tested_and_the_fill_is_told(rows: Matrix, known: Reference) -> None:
    verdict = judge(known, sketched(known, moved(rows[:750], "avg_order_value", 999)), Rules())
    assert (verdict.outcome, verdict.rows, verdict.fill) == ("filling", 750, 0.75)
    assert (verdict.features, verdict.drift, verdict.threshold, verdict.severity) == ((), False, None, None)


def test_an_empty_window_and_a_missing_reference_are_told(known: Reference) -> None:
    assert judge(known, sketched(known), Rules()).outcome == "empty"
    assert judge(known, None, Rules()).outcome == "empty"
    assert judge(None, None, Rules()).outcome == "no_reference"


@pytest.mark.contract("D1")
def test_one_family_is_corrected_and_every_part_of_it_told(rows: Matrix, known: Reference) -> None:
    verdict = judge(known, sketched(known, moved(rows[REFERENCE:], "avg_order_value", 20)), Rules())
    assert verdict.outcome == "tested"
    assert verdict.drifted == ("avg_order_value",)
    assert verdict.threshold == pytest.approx(0.05 / 21)
    p_values = [one.p_value for one in verdict.features]
    assert len(p_values) == 21
    assert verdict.smallest_p == min(p for p in p_values if p is not None) == of(verdict, "avg_order_value").p_value
    assert verdict.severity == "warning"
    assert verdict.top[0][0] == "avg_order_value"
    for one in verdict.features:
        kind = "category" if one.name in ("favorite_category", "payment_method", "shipping_method") else "number"
        assert one.test == {"number": "ks", "category": "chi_square"}[kind]
        assert set(one.distances) == {name for name, test in TESTS.items() if kind in test.kinds}
        assert one.distance == one.distances[one.test]


def test_predictions_are_one_more_test_of_the_family_and_no_feature(rows: Matrix) -> None:
    known = churn_reference(rows[:REFERENCE], SCORES)
    sketch = sketched(known)
    sketch.add(rows[REFERENCE:], np.repeat(np.float32(0.9), WINDOW))
    verdict = judge(known, sketch, Rules())
    assert verdict.threshold == pytest.approx(0.05 / 22)
    assert (verdict.drifted, verdict.drift) == ((), True)
    assert verdict.answer is not None
    assert (verdict.answer.name, verdict.answer.drifted) == ("churn_probability", True)


def test_scores_that_are_no_numbers_are_missing_ones(rows: Matrix) -> None:
    known = churn_reference(rows[:REFERENCE], SCORES)
    sketch = sketched(known)
    sketch.add(rows[REFERENCE:], np.full(WINDOW, np.nan, dtype=np.float32))
    verdict = judge(known, sketch, Rules())
    assert verdict.answer is not None
    assert (verdict.answer.state, verdict.answer.strange) == ("all_missing", ("missing",))
    assert verdict.drifted == ()


def test_importance_weighs_the_top(rows: Matrix, known: Reference) -> None:
    sketch = sketched(known, moved(moved(rows[REFERENCE:], "avg_order_value", 28), "total_orders", 30))
    assert [name for name, _ in judge(known, sketch, Rules()).top][:2] == ["total_orders", "avg_order_value"]
    weighed = judge(known, sketch, Rules(), importance={"avg_order_value": 5, "total_orders": 0.1}).top
    assert [name for name, _ in weighed] == ["avg_order_value", "total_orders"]


@pytest.mark.parametrize("name", ["bonferroni", "benjamini_hochberg"])
def test_either_correction_may_be_chosen(name: str, rows: Matrix, known: Reference) -> None:
    changed = rows[REFERENCE:]
    for feature in CHURN.names[:10]:
        changed = moved(changed, feature, 0.2 * float(rows[:, CHURN.names.index(feature)].std()))
    verdict = judge(known, sketched(known, changed), Rules(correction=name))
    assert verdict.threshold is not None
    assert (verdict.threshold > 0.05 / 21 + 1e-9) == (name == "benjamini_hochberg")


@pytest.mark.parametrize("name", ["psi", "jensen_shannon", "wasserstein"])
def test_a_distance_may_decide_by_its_threshold(name: str, rows: Matrix, known: Reference) -> None:
    texts = "psi" if name == "wasserstein" else name
    sketch = sketched(known, moved(rows[REFERENCE:], "avg_order_value", 14))
    verdict = judge(known, sketch, Rules(numbers=name, categories=texts))
    assert "avg_order_value" in verdict.drifted
    assert (verdict.threshold, verdict.smallest_p, of(verdict, "avg_order_value").p_value) == (None, None, None)
    assert judge(known, sketch, Rules(numbers=name, categories=texts, distance=50.0)).drifted == ()


@pytest.mark.contract("D1")
def test_a_significant_shift_of_few_rows_is_no_drift_unless_asked_for() -> None:
    random = np.random.default_rng(1)
    before, now = random.normal(size=100_000), random.normal(0.1, 1, 100_000)
    samples = before.astype(np.float32), now.astype(np.float32)
    one = only("float", *samples)
    assert one.p_value is not None
    assert one.p_value < 1e-50
    assert 0.03 < one.effect < 0.05
    assert not one.drifted
    assert only("float", *samples, rules=replace(SMALL, least_effect=0.0)).drifted


def test_half_of_the_features_at_once_are_critical(rows: Matrix, known: Reference) -> None:
    changed = rows[REFERENCE:]
    numbers = [feature.name for feature in CHURN.features if feature.type != "str" and "ticket" not in feature.name]
    for name in numbers[:11]:
        changed = moved(changed, name, 0.6 * float(rows[:, CHURN.names.index(name)].std()))
    assert judge(known, sketched(known, changed), Rules()).severity == "critical"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"numbers": "chi_square"}, "no test 'chi_square' of a number"),
        ({"categories": "ks"}, "no test 'ks' of a category"),
        ({"correction": "none"}, "no correction 'none'"),
        ({"window_rows": 0}, "window_rows must be 1 or more"),
        ({"alpha": 0.0}, "alpha must be above 0"),
        ({"close_ratio": 1.5}, "close_ratio must be from 0 to 1"),
        ({"distance": math.nan}, "distance must be above 0"),
        ({"least_effect": math.nan}, "least_effect must be from 0"),
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises((InvalidRequest, ValueError), match=problem):
        Rules(**wrong)
