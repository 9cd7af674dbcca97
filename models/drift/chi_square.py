"""Chi-square test of homogeneity."""

from typing import ClassVar

import numpy as np
from scipy.special import chdtrc

from models.drift.base import Distribution, Kind, Measured
from models.signature import FloatVector

LEAST_EXPECTED = 5.0


class ChiSquare:
    """Whether two samples of categories come from one distribution, whatever that is; distance: Cramér's V, 0..1.

    Evidently takes the reference's shares for exactly known (a test of fit), which against a reference of five times
    the window finds a fifth more than there is, and of a category that the reference lacks it can say nothing.
    Categories of fewer than 5 expected rows in either sample are put together, and with them all that training did not
    see: of categories that it saw once another sample has others. Where fewer than two are left there is nothing to
    compare, and the p-value is 1.
    Source: Cochran, "Some methods for strengthening the common chi-square tests" (1954).
    """

    name: ClassVar[str] = "chi_square"
    kinds: ClassVar[tuple[Kind, ...]] = ("category",)
    threshold: ClassVar[float | None] = None

    def measure(self, current: Distribution) -> Measured:
        table = pooled(current)
        sizes, whole = table.sum(axis=1), table.sum()
        if table.shape[1] < 2:
            return Measured(0.0, 1.0)
        expected = np.outer(sizes, table.sum(axis=0)) / whole
        statistic = float(((table - expected) ** 2 / expected).sum())
        return Measured(min(float(np.sqrt(statistic / whole)), 1.0), float(chdtrc(table.shape[1] - 1, statistic)))


def pooled(current: Distribution) -> FloatVector:
    """Rows of the reference and of the window, [2, k], by what can be compared: larger categories, after the others.

    Those are in one column, which takes the next larger category until it has enough rows.
    """
    table = np.stack([current.reference.counts, current.counts]).astype(np.float64)
    least = LEAST_EXPECTED * table.sum() / table.sum(axis=1).min()
    table[:, 1:] = table[:, 1 + np.argsort(table[:, 1:].sum(axis=0), kind="stable")]
    totals = table.sum(axis=0)
    count = 1 + int(np.count_nonzero(totals[1:] < least))
    if not totals[:count].sum():
        return table[:, count:]
    while count < len(totals) and totals[:count].sum() < least:
        count += 1
    return np.column_stack([table[:, :count].sum(axis=1), table[:, count:]])
