"""Bounds: how often they are wrong when looked at again and again, and that they are where they are said to be."""

from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad

from models.evidence.bounds import RHO, evidence_below, evidence_paired, lower, paired_half_width, upper
from tests.models.evidence.runs import BATCH, COUNTS, LOOKS, RUNS, Floats, generator, hits, noise, sums

ALPHA = 0.05
REACHED = np.log(1 / ALPHA)


@cache
def losses() -> Floats:
    """In 0..1 with a mean of 0.2, most of them near an end."""
    return sums(generator().beta(0.5, 2.0, (RUNS, LOOKS * BATCH)))


@pytest.mark.contract("T4")
@pytest.mark.parametrize("mean", [0.01, 0.5, 0.2], ids=["rare", "even", "losses"])
@pytest.mark.parametrize("side", ["upper", "lower"])
def test_each_bound_is_ever_wrong_in_no_more_runs_than_alpha(mean: float, side: str) -> None:
    totals = losses() if mean == 0.2 else hits(mean)
    counts = np.broadcast_to(COUNTS.astype(float), totals.shape)
    bet = (totals, mean) if side == "upper" else (counts - totals, 1 - mean)
    wrong = (evidence_below(counts, *bet) >= REACHED).any(axis=1).mean()
    assert wrong <= ALPHA + noise(ALPHA)


def test_what_an_ordinary_bound_would_do_shows_that_the_runs_can_tell() -> None:
    means = hits(0.5) / COUNTS
    assert (means + 1.645 * 0.5 / np.sqrt(COUNTS) < 0.5).any(axis=1).mean() > 3 * ALPHA


@pytest.mark.contract("T4")
@pytest.mark.parametrize("sign", [1, -1])
def test_bounds_of_pairs_are_ever_wrong_in_no_more_runs_than_alpha_while_the_mean_drifts(sign: int) -> None:
    drift = np.linspace(-0.2, 0.3, LOOKS * BATCH)
    draws = np.clip(generator().normal(drift, 0.2, (RUNS, LOOKS * BATCH)), drift - 0.4, drift + 0.4)
    excess = sums(sign * (draws - drift))  # the cut is even on both sides: the mean is the drift
    assert (evidence_paired(excess, sums(draws**2)) >= REACHED).any(axis=1).mean() <= ALPHA + noise(ALPHA)


@pytest.mark.parametrize("total", [0.0, 3.0, 30.5, 199.0])
def test_a_bound_is_where_the_bet_against_it_has_won_one_over_alpha(total: float) -> None:
    assert evidence_below(200, total, upper(200, total, ALPHA)) == pytest.approx(REACHED, abs=1e-6)
    below = lower(200, total, ALPHA)
    assert below == (pytest.approx(1 - upper(200, 200 - total, ALPHA)) if total else 0.0)
    assert below <= total / 200 < upper(200, total, ALPHA)


def test_the_bet_on_a_smaller_mean_is_the_likelihood_ratio_averaged_over_all_smaller_means() -> None:
    mean, n, total = 0.3, 40, 7
    ratio, _ = quad(lambda q: (q / mean) ** total * ((1 - q) / (1 - mean)) ** (n - total), 0, mean)
    assert evidence_below(n, total, mean) == pytest.approx(np.log(ratio / mean))


def test_the_bet_on_larger_differences_is_averaged_over_how_boldly_one_bets() -> None:
    def won(boldness: float) -> float:
        timid = 1 - boldness
        weight = timid ** (RHO - 1) * np.exp(-RHO * timid)
        return float(weight * np.exp(boldness * 6.0 + (np.log(timid) + boldness) * 9.0))

    def weighed(boldness: float) -> float:
        return float((1 - boldness) ** (RHO - 1) * np.exp(-RHO * (1 - boldness)))

    expected = np.log(quad(won, 0, 1)[0] / quad(weighed, 0, 1)[0])
    assert evidence_paired(6.0, 9.0) == pytest.approx(expected)
    assert evidence_paired(paired_half_width(9.0, ALPHA), 9.0) == pytest.approx(REACHED, abs=1e-6)


def test_without_anything_seen_nothing_is_known() -> None:
    assert (lower(0, 0, ALPHA), upper(0, 0, ALPHA)) == (0.0, 1.0)


@pytest.mark.parametrize("n", [1, 2, 1000, 10**9])
@pytest.mark.parametrize("alpha", [1e-9, 0.05, 0.49])
def test_bounds_are_numbers_in_order_however_few_or_many_there_are(n: int, alpha: float) -> None:
    for total in (0.0, 0.5, n / 2, n - 1e-7, float(n)):
        low, high = lower(n, total, alpha), upper(n, total, alpha)
        assert 0 <= low <= total / n <= high <= 1
        assert paired_half_width(total, alpha) > 0


def test_a_sum_that_passes_its_number_in_its_last_bits_is_as_good_as_it() -> None:
    n = 10**9
    assert upper(n, n + 1.0, ALPHA) == 1.0
    assert lower(n, n + 1.0, ALPHA) == lower(n, n, ALPHA) < 1
