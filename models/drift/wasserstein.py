"""Wasserstein distance, in the reference's standard deviations."""

from typing import ClassVar

import numpy as np

from models.drift.base import Distribution, Kind, Measured
from models.signature import FloatVector

_LEAST_DEVIATION = 0.001


class Wasserstein:
    """The area between the two distribution functions over the reference's deviation (at least 0.001), as Evidently's.

    Values within a cell are taken to be spread evenly; those beyond the reference's ends count with what they are.
    """

    name: ClassVar[str] = "wasserstein"
    kinds: ClassVar[tuple[Kind, ...]] = ("number",)
    threshold: ClassVar[float | None] = 0.1

    def measure(self, current: Distribution) -> Measured:
        reference = current.reference
        widths = np.diff(reference.edges.astype(np.float64))
        apart = (reference.steps - current.steps)[:-1]
        before, after = apart[:-1], apart[1:]
        heights = np.where((widths <= 1) & reference.whole, np.abs(before), _mean_height(before, after))
        beyond = (current.below + current.above) / current.rows
        return Measured(float((widths * heights).sum() + beyond) / max(reference.std, _LEAST_DEVIATION))


def _mean_height(before: FloatVector, after: FloatVector) -> FloatVector:
    """The mean of the absolute values along a line from one height to another, which may cross 0."""
    total = np.abs(before) + np.abs(after)
    crossing = before * after < 0
    with np.errstate(invalid="ignore", divide="ignore"):
        crossed = (before**2 + after**2) / (2 * total)
    height: FloatVector = np.where(crossing, crossed, total / 2)
    return height
