import numpy as np
import pytest
from scipy.stats import ks_2samp

from models.drift.ks import KS
from tests.models.drift.worlds import compared

SEED = 3


@pytest.mark.parametrize(("n", "m"), [(5000, 1000), (3600, 300), (500, 50), (40, 40)])
def test_p_values_are_above_the_exact_ones_by_a_quarter_at_most(n: int, m: int) -> None:
    """On few enough values that the grid hides nothing, in the range where a decision falls."""
    random = np.random.default_rng(SEED)
    for shift in (0.0, 1.2 / m**0.5, 2.0 / m**0.5):
        samples = random.normal(size=n), random.normal(size=m) + shift
        rounded = [np.round(sample * 4).astype(np.float32) for sample in samples]
        right = ks_2samp(*rounded, method="exact").pvalue
        found = KS().measure(compared("int", *rounded)).p_value
        assert found is not None
        assert right <= found or right > 0.5
        assert abs(found - right) <= 0.25 * right


@pytest.mark.contract("D1")
def test_both_sample_sizes_count() -> None:
    """The same shift is less sure against a reference of few rows."""
    random = np.random.default_rng(SEED)
    current = random.normal(0.2, 1, 1000).astype(np.float32)
    large, small = (random.normal(size=n).astype(np.float32) for n in (20_000, 200))
    sure, unsure = (KS().measure(compared("float", sample, current)).p_value for sample in (large, small))
    assert sure is not None
    assert unsure is not None
    assert sure < unsure / 100


@pytest.mark.contract("D1")
def test_integers_raise_no_more_false_alarms_than_nominal() -> None:
    random = np.random.default_rng(SEED)
    reference, alarms = random.poisson(0.6, (400, 2000)), 0
    for row, current in zip(reference, random.poisson(0.6, (400, 500)), strict=True):
        p_value = KS().measure(compared("int", row.astype(np.float32), current.astype(np.float32))).p_value
        alarms += p_value is not None and p_value <= 0.05
    print(f"seed {SEED}: {alarms} of 400 at 0.05")
    assert alarms <= 20
