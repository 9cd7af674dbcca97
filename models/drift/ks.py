"""Kolmogorov-Smirnov test of two samples."""

from typing import ClassVar

import numpy as np
from scipy.special import kolmogorov

from models.drift.base import Distribution, Kind, Measured


class KS:
    """The largest difference between the two distribution functions, at the grid's edges.

    It is never above the exact one and at most `models.grid.rank_error` below. The p-value counts both samples' sizes
    and is Kolmogorov's limit: where it decides it is above SciPy's exact one, by a few percent of it for windows of
    some hundred rows, and ties, as integers have, raise it further. Both err towards no drift, and SciPy's takes a
    thousand times longer.
    Source: Smirnov, "Estimate of deviation between empirical distribution functions in two independent samples" (1939).
    """

    name: ClassVar[str] = "ks"
    kinds: ClassVar[tuple[Kind, ...]] = ("number",)
    threshold: ClassVar[float | None] = None

    def measure(self, current: Distribution) -> Measured:
        n, m = current.reference.rows, current.rows
        distance = float(np.abs(current.reference.steps - current.steps).max())
        return Measured(distance, float(kolmogorov(distance * np.sqrt(n * m / (n + m)))))
