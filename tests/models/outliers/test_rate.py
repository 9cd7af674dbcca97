import numpy as np
import pytest
from scipy.stats import binomtest

from models.outliers import chance, rate_alert
from models.outliers.rate import rank_of


@pytest.mark.contract("D4")
@pytest.mark.parametrize(
    ("outliers", "rows", "alarms"),
    [
        (0, 0, False),
        (0, 1000, False),
        (1, 1, False),
        (3, 100, False),  # three times the rate, which a hundred rows do not show
        (6, 100, True),
        (20, 1000, False),  # twice the rate, not above
        (22, 1000, True),
        (1900, 100_000, False),  # no chance, and not twice as many
        (2001, 100_000, True),
        (1000, 1000, True),
    ],
)
def test_more_than_twice_as_many_as_configured_alarm_unless_chance_may_bring_them(
    outliers: int, rows: int, alarms: bool
) -> None:
    assert rate_alert(outliers, rows, contamination=0.01) is alarms


@pytest.mark.parametrize("rows", [5, 20, 100, 1000, 10_000])
def test_at_the_configured_rate_alarms_are_as_rare_as_stated(rows: int) -> None:
    """One in a thousand windows at most; of twenty thousand, three standard errors more."""
    drawn = np.random.default_rng(1).binomial(rows, 0.01, 20_000)
    counts, times = np.unique(drawn, return_counts=True)
    alarms = sum(n for count, n in zip(counts.tolist(), times.tolist(), strict=True) if rate_alert(count, rows, 0.01))
    assert alarms <= 20 + 3 * np.sqrt(20)


@pytest.mark.contract("D4")
@pytest.mark.parametrize("chosen_on", [80, 400, 2000])
@pytest.mark.parametrize("contamination", [0.01, 0.05])
def test_a_threshold_chosen_on_few_rows_raises_no_more_alarms(contamination: float, chosen_on: int) -> None:
    """One in a thousand windows at most, as stated; at the configured rate itself they were one in six of 80 rows."""
    random, alarms = np.random.default_rng(2), 0
    rank = rank_of(chosen_on, contamination)
    rates = random.beta(rank, chosen_on + 1 - rank, 20_000)  # of rows above that one of so many
    for outliers in random.binomial(1000, rates).tolist():
        alarms += rate_alert(outliers, 1000, contamination, chosen_on)
    assert alarms <= 20 + 3 * np.sqrt(20)


def test_a_rate_that_few_rows_of_training_cannot_explain_alarms() -> None:
    assert rate_alert(120, 1000, 0.01, chosen_on=80)
    assert rate_alert(30, 1000, 0.01, chosen_on=2000)
    assert not rate_alert(30, 1000, 0.01, chosen_on=80)


def test_a_threshold_chosen_on_very_many_rows_is_exact() -> None:
    assert chance(22, 1000, 0.01, chosen_on=10**9) == pytest.approx(chance(22, 1000, 0.01), rel=0.2)


@pytest.mark.parametrize(("outliers", "rows"), [(0, 10), (1, 10), (6, 100), (10, 10)])
def test_the_chance_is_that_of_the_exact_binomial_test(outliers: int, rows: int) -> None:
    expected = binomtest(outliers, rows, 0.01, alternative="greater").pvalue
    assert chance(outliers, rows, 0.01) == pytest.approx(expected, rel=1e-9)
