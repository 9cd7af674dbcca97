"""Whether too many rows are outliers for the rate to be the one that was configured."""

from dataclasses import dataclass

ALPHA = 0.001
"""How often a window of rows at the configured rate may alarm, at most."""
TIMES = 2
"""The rate that is too much, by the configured one."""
CALM_ALPHA, CALM_TIMES = 0.05, 1.5
"""Calm is what chance brings in one window of twenty, and what is below that many times the configured rate."""


def rate_alert(outliers: int, rows: int, contamination: float) -> bool:
    """Whether so many outliers among so many rows are above twice the contamination, and no chance.

    Above: of the rate itself. No chance: a one-sided exact binomial test refuses the configured rate at ALPHA, so that
    of a hundred rows at one percent three do not alarm, and six do. No rows do not alarm.
    """
    return outliers > TIMES * contamination * rows and chance(outliers, rows, contamination) <= ALPHA


def chance(outliers: int, rows: int, contamination: float) -> float:
    """How probable so many outliers or more are among so many rows, were each one at the configured rate."""
    if outliers == 0:
        return 1.0
    from scipy.special import bdtrc

    return float(bdtrc(outliers - 1, rows, contamination))


@dataclass(frozen=True, slots=True)
class WindowRate:
    """Outliers among the rows of a window that a detector looked at, one at least."""

    detector: str
    contamination: float
    rows: int
    outliers: int

    @property
    def share(self) -> float:
        return self.outliers / self.rows

    @property
    def p_value(self) -> float:
        return chance(self.outliers, self.rows, self.contamination)

    @property
    def high(self) -> bool:
        return rate_alert(self.outliers, self.rows, self.contamination)

    @property
    def calm(self) -> bool:
        return self.share < CALM_TIMES * self.contamination or self.p_value > CALM_ALPHA
