"""Whether too many rows are outliers for the rate to be the one that was configured."""

import math
from dataclasses import dataclass

ALPHA = 0.001
"""How often a window of rows at the configured rate may alarm, at most."""
TIMES = 2
"""The rate that is too much, by the configured one."""
CALM_ALPHA, CALM_TIMES = 0.05, 1.5
"""Calm is what chance brings in one window of twenty, and what is below that many times the configured rate."""


def rate_alert(outliers: int, rows: int, contamination: float, chosen_on: int | None = None) -> bool:
    """Whether so many outliers among so many rows are above twice the contamination, and no chance.

    Above: of the rate itself. No chance: a one-sided binomial test refuses the configured rate at ALPHA, so that
    of a hundred rows at one percent three do not alarm, and six do. No rows do not alarm.
    """
    return outliers > TIMES * contamination * rows and chance(outliers, rows, contamination, chosen_on) <= ALPHA


def chance(outliers: int, rows: int, contamination: float, chosen_on: int | None = None) -> float:
    """How probable so many outliers or more are among so many rows of the same kind as in training.

    chosen_on: rows that the threshold was chosen on: of few rows it is itself chance, and of those above it and the
    window's outliers together each is the window's by its part in all rows. None where that is not known: each row is
    an outlier at the configured rate then.
    """
    if outliers == 0:
        return 1.0
    from scipy.special import bdtrc, betainc

    if chosen_on is None:
        return float(bdtrc(outliers - 1, rows, contamination))
    return float(betainc(outliers, rank_of(chosen_on, contamination), rows / (rows + chosen_on)))


def rank_of(rows: int, contamination: float) -> int:
    """Which of so many scores, the largest first, another one of the same kind exceeds as often as configured."""
    return max(1, math.floor(contamination * (rows + 1) + 1e-9))


@dataclass(frozen=True, slots=True)
class WindowRate:
    """Outliers among the rows of a window that a detector looked at, one at least. chosen_on: as `chance` takes it."""

    detector: str
    contamination: float
    rows: int
    outliers: int
    chosen_on: int | None = None

    @property
    def share(self) -> float:
        return self.outliers / self.rows

    @property
    def p_value(self) -> float:
        return chance(self.outliers, self.rows, self.contamination, self.chosen_on)

    @property
    def high(self) -> bool:
        return rate_alert(self.outliers, self.rows, self.contamination, self.chosen_on)

    @property
    def calm(self) -> bool:
        return self.share < CALM_TIMES * self.contamination or self.p_value > CALM_ALPHA
