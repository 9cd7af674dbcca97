import numpy as np
import pytest
from scipy.stats import binomtest

from models.outliers import chance, rate_alert


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


@pytest.mark.parametrize(("outliers", "rows"), [(0, 10), (1, 10), (6, 100), (10, 10)])
def test_the_chance_is_that_of_the_exact_binomial_test(outliers: int, rows: int) -> None:
    expected = binomtest(outliers, rows, 0.01, alternative="greater").pvalue
    assert chance(outliers, rows, 0.01) == pytest.approx(expected, rel=1e-9)
