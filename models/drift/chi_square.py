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
    Categories of fewer than 5 expected rows in either sample are put together, unseen ones among them; where fewer
    than two are left there is nothing to compare, and the p-value is 1.
    Source: Cochran, "Some methods for strengthening the common chi-square tests" (1954).
    """

    name: ClassVar[str] = "chi_square"
    kinds: ClassVar[tuple[Kind, ...]] = ("category",)
    threshold: ClassVar[float | None] = None

    def measure(self, current: Distribution) -> Measured:
        table = np.stack([current.reference.counts, current.counts]).astype(np.float64)
        sizes, whole = table.sum(axis=1), table.sum()
        table = _pooled(table, LEAST_EXPECTED * whole / sizes.min())
        if table.shape[1] < 2:
            return Measured(0.0, 1.0)
        expected = np.outer(sizes, table.sum(axis=0)) / whole
        statistic = float(((table - expected) ** 2 / expected).sum())
        return Measured(min(float(np.sqrt(statistic / whole)), 1.0), float(chdtrc(table.shape[1] - 1, statistic)))


def _pooled(table: FloatVector, least: float) -> FloatVector:
    """Columns of at least so many rows together: smaller ones in one, which takes the next larger until it has them."""
    table = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    totals = table.sum(axis=0)
    count = int(np.count_nonzero(totals < least))
    if not count:
        return table
    while count < len(totals) and totals[:count].sum() < least:
        count += 1
    return np.column_stack([table[:, :count].sum(axis=1), table[:, count:]])
