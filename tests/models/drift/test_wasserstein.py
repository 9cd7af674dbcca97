import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from models.drift.wasserstein import Wasserstein
from tests.models.drift.worlds import column, compared

RANDOM = np.random.default_rng(8)


def test_what_lies_beyond_the_reference_counts_with_what_it_is() -> None:
    reference = RANDOM.normal(size=4000).astype(np.float32)
    current = np.concatenate([RANDOM.normal(size=900), RANDOM.normal(40, 5, 60), RANDOM.normal(-70, 5, 40)])
    right = wasserstein_distance(reference, current) / np.std(reference)
    found = Wasserstein().measure(compared("float", reference, current.astype(np.float32))).distance
    assert found == pytest.approx(right, abs=0.01)


def test_a_constant_reference_is_measured_in_thousandths() -> None:
    found = Wasserstein().measure(compared("float", column(2, 2, 2), column(2.5))).distance
    assert found == pytest.approx(500, rel=1e-3)


def test_integers_stand_on_their_steps() -> None:
    reference, current = column(0, 1, 2, 3, 3), column(0, 0, 3, 9, 1)
    right = wasserstein_distance(reference, current) / np.std(reference)
    assert Wasserstein().measure(compared("int", reference, current)).distance == pytest.approx(right, rel=1e-4)
