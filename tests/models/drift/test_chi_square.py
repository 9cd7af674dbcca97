import numpy as np
import pytest
from scipy.stats import chi2_contingency

from models.drift import Distribution
from models.drift.chi_square import ChiSquare
from tests.models.drift.worlds import column, compared

SEED = 5


def counted(reference: list[int], current: list[int]) -> Distribution:
    """Rows by category; the first is unseen ones."""
    codes = [np.repeat(np.arange(len(counts)), counts).astype(np.float32) for counts in (reference, current)]
    return compared("str", *codes)


def test_it_is_scipys_test_of_homogeneity() -> None:
    reference, current = [40, 800, 2000, 1500, 660], [20, 120, 380, 350, 130]
    right = chi2_contingency([reference, current], correction=False)
    found = ChiSquare().measure(counted(reference, current))
    assert found.p_value == pytest.approx(right.pvalue)
    assert found.distance == pytest.approx((right.statistic / 6000) ** 0.5)


def test_categories_of_few_expected_rows_are_tested_as_one() -> None:
    """In the smaller sample 2.7, 1.7 and 4.2 are expected."""
    reference, current = [13, 9, 18, 3000, 1960], [3, 1, 7, 600, 389]
    right = chi2_contingency([[40, 3000, 1960], [11, 600, 389]], correction=False)
    assert ChiSquare().measure(counted(reference, current)).p_value == pytest.approx(right.pvalue)


def test_few_rows_that_stay_few_together_join_the_next_larger() -> None:
    reference, current = [0, 2, 100, 3000, 1898], [0, 0, 30, 600, 370]
    right = chi2_contingency([[102, 3000, 1898], [30, 600, 370]], correction=False)
    assert ChiSquare().measure(counted(reference, current)).p_value == pytest.approx(right.pvalue)


@pytest.mark.parametrize(
    ("reference", "current"), [([0, 50], [0, 9]), ([0, 5000, 2], [0, 1000]), ([3], [2, 0, 1]), ([0, 3, 3], [0, 2, 0])]
)
def test_one_category_or_too_few_rows_are_no_drift(reference: list[int], current: list[int]) -> None:
    assert ChiSquare().measure(counted(reference, current)).p_value == 1.0


def test_a_category_that_the_reference_lacks_is_drift_and_no_error() -> None:
    found = ChiSquare().measure(counted([0, 3000, 2000, 0], [0, 550, 400, 50])).p_value
    assert found is not None
    assert found < 1e-20


@pytest.mark.contract("D1")
def test_a_finite_reference_raises_no_more_false_alarms_than_nominal() -> None:
    """As a test of fit, which takes the reference for exactly known, it would be one in eleven."""
    random = np.random.default_rng(SEED)
    shares = [0.1, 0.14, 0.36, 0.4]
    tables = random.multinomial(5000, shares, 1000), random.multinomial(1000, shares, 1000)
    p_values = [ChiSquare().measure(_bare(*pair)).p_value for pair in zip(*tables, strict=True)]
    alarms = sum(p_value is not None and p_value <= 0.05 for p_value in p_values)
    print(f"seed {SEED}: {alarms} of 1000 at 0.05")
    assert 30 <= alarms <= 64


@pytest.mark.contract("D1")
def test_after_a_training_of_few_rows_categories_that_it_did_not_see_are_no_drift() -> None:
    """Of the rarest of 80 categories 200 rows hold some, and another window holds others."""
    random, alarms = np.random.default_rng(SEED), 0
    shares = 1 / np.arange(1, 81)
    for _ in range(400):
        before, now = (random.choice(80, n, p=shares / shares.sum()) for n in (200, 1000))
        counts = [np.bincount(sample, minlength=80) for sample in (before, now)]
        seen = counts[0] > 0
        p_value = ChiSquare().measure(_bare(counts[0][seen], counts[1][seen], counts[1][~seen].sum())).p_value
        alarms += p_value is not None and p_value <= 0.05
    print(f"seed {SEED}: {alarms} of 400 at 0.05")
    assert alarms <= 30


def _bare(reference: np.ndarray, current: np.ndarray, unseen: int = 0) -> Distribution:
    made = compared("str", column(1, 2, 3, 4), column(1))
    vars(made.reference)["counts"] = np.concatenate([[0], reference])
    vars(made)["counts"] = np.concatenate([[unseen], current])
    return made
