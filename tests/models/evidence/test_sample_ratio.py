"""Sample ratios: found where they are off, silent where they are not, at every look."""

import numpy as np
import pytest

from models.evidence.sample_ratio import ALPHA, mismatch, sample_ratio
from tests.models.evidence.runs import BATCH, LOOKS, RUNS, generator, noise

EVEN = {"a": 0.5, "b": 0.5}


def test_sixty_to_forty_is_found_where_halves_were_planned() -> None:
    found = sample_ratio(EVEN, {"a": 600, "b": 400})
    assert (found.fits, found.planned, found.found) == (False, EVEN, {"a": 600, "b": 400})
    assert found.p_value < ALPHA
    assert sample_ratio(EVEN, {"a": 515, "b": 485}).fits


@pytest.mark.contract("T4")
@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.01, 0.99), (0.2, 0.3, 0.5)])
def test_arms_as_planned_are_ever_doubted_in_no_more_runs_than_alpha(weights: tuple[float, ...]) -> None:
    counts = generator().multinomial(BATCH, weights, (RUNS, LOOKS)).cumsum(axis=1)
    for alpha in (ALPHA, 0.05):
        doubted = (mismatch(np.array(weights), counts) >= np.log(1 / alpha)).any(axis=1)
        assert doubted.mean() <= alpha + noise(alpha)


def test_sixty_to_forty_is_found_within_a_thousand_entities_in_nine_of_ten_runs() -> None:
    counts = generator().multinomial(BATCH, (0.6, 0.4), (RUNS, 10)).cumsum(axis=1)
    assert (mismatch(np.array([0.5, 0.5]), counts) >= np.log(1 / ALPHA)).any(axis=1).mean() > 0.9


def test_an_arm_of_no_weight_may_have_nobody() -> None:
    weights = {"a": 0.5, "b": 0.5, "c": 0.0}
    assert sample_ratio(weights, {"a": 100, "b": 100}).fits
    assert sample_ratio(weights, {"a": 100, "b": 100, "c": 1}).p_value == 0.0


def test_nobody_yet_fits_every_plan() -> None:
    assert sample_ratio(EVEN, {}).p_value == 1.0
