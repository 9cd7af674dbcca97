import numpy as np
import pytest
from scipy.stats import false_discovery_control

from models.drift import CORRECTIONS, correction
from schemas.errors import InvalidRequest


def test_bonferroni_shares_alpha_out() -> None:
    assert correction("bonferroni").threshold([0.5] * 21, 0.05) == pytest.approx(0.05 / 21)


def test_benjamini_hochberg_finds_what_scipy_does() -> None:
    random = np.random.default_rng(2)
    for drifted in (0, 1, 5, 20):
        p_values = np.concatenate([random.random(21 - drifted), random.random(drifted) / 40]).tolist()
        threshold = correction("benjamini_hochberg").threshold(p_values, 0.05)
        right = false_discovery_control(p_values) <= 0.05
        assert [p_value <= threshold for p_value in p_values] == right.tolist()
        assert threshold >= 0.05 / 21


@pytest.mark.parametrize("name", CORRECTIONS)
def test_one_test_needs_no_correction_and_none_breaks_nothing(name: str) -> None:
    assert correction(name).threshold([0.04], 0.05) == 0.05
    assert correction(name).threshold([], 0.05) == 0.05
    assert correction(name).threshold([0.0] * 4, 0.05) <= 0.05


def test_an_unknown_correction_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"no correction 'holm': known are bonferroni, benjamini_hochberg"):
        correction("holm")
