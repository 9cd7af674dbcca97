"""Gate, slices and curves, each by itself."""

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score

from models.churn import CHURN
from models.retraining import judge, slices
from models.retraining.curves import curves
from models.retraining.slices import LEAST_ROWS
from models.training import encoded
from tests.models.retraining.conftest import drifted


@pytest.mark.contract("F4")
@pytest.mark.parametrize(
    ("f1", "champion", "least", "passed"),
    [
        (0.85, 0.80, 0.85, True),
        (0.8499, 0.80, 0.85, False),
        (0.90, 0.90, 0.85, False),
        (0.90, 0.8999, 0.85, True),
        (0.84, 0.99, 0.85, False),
    ],
)
def test_the_gate_opens_at_the_threshold_and_above_the_champion(
    f1: float, champion: float, least: float, passed: bool
) -> None:
    verdict = judge({"f1": f1}, {"f1": champion}, least)
    assert verdict.passed is passed
    assert bool(verdict.reasons) is not passed
    assert len(judge({"f1": 0.1}, {"f1": 0.2}, least).reasons) == 2


def test_the_slice_that_gets_worse_is_found_though_the_whole_gets_better() -> None:
    rows = drifted(4000, seed=3)
    matrix = encoded(rows.frame, CHURN)
    champion = np.full(len(rows), 0.5)
    scores = np.where(rows.truth == 1, 0.9, 0.1)
    poor = (rows.frame["shipping_method"] == "pickup").to_numpy()
    scores[poor] = 1 - scores[poor]
    found = slices(CHURN, matrix, rows.truth, scores, champion, {"order_frequency": 1.0})
    assert [(one.feature, one.part) for one in found if one.worse] == [("shipping_method", "pickup")]
    worse = next(one for one in found if one.worse)
    assert worse.rows == poor.sum()
    assert (worse.brier, worse.champion_brier) == pytest.approx((0.81, 0.25))
    assert all(one.rows >= LEAST_ROWS for one in found)


def test_equal_models_are_worse_nowhere_and_a_numbers_quarters_hold_each_row_once() -> None:
    rows = drifted(2000, seed=3)
    scores = np.random.default_rng(1).uniform(size=2000)
    found = slices(CHURN, encoded(rows.frame, CHURN), rows.truth, scores, scores, {"order_frequency": 1.0})
    assert not any(one.worse for one in found)
    quarters = [one for one in found if one.feature == "order_frequency"]
    assert len(quarters) == 4
    assert sum(one.rows for one in quarters) == 2000
    assert len({one.feature for one in found}) == 8


def test_the_curves_are_the_area_and_the_shares_of_the_scores() -> None:
    random = np.random.default_rng(2)
    scores = random.uniform(size=5000)
    truth = (random.uniform(size=5000) < scores).astype(np.intp)
    lines = curves(truth, scores)
    false, true = zip(*lines.roc, strict=True)
    assert (lines.roc[0], lines.roc[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert auc(false, true) == pytest.approx(roc_auc_score(truth, scores), abs=0.003)
    assert sum(rows for *_, rows in lines.reliability) == 5000
    assert all(abs(mean - share) < 0.07 for mean, share, _ in lines.reliability)
    assert len(curves(truth, np.full(5000, 0.5)).reliability) == 1
