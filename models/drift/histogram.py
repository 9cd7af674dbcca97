"""Shares of both samples in common bins, as Evidently bins them (`get_binned_data`, 0.7).

A number of more than 20 values in the reference: bins of equal width by Sturges' rule over both samples. Anything else:
value by value. What lies within a cell of the grid is taken to be spread evenly over it.
"""

from typing import TYPE_CHECKING

import numpy as np

from models.grid import Counts
from models.signature import FloatVector

if TYPE_CHECKING:
    from models.drift.base import Distribution, FeatureReference

_FEW_VALUES = 20
_LEAST = 1e-4
"""What stands for a share of 0, of whose logarithm nothing can be said."""


def shares(current: "Distribution") -> tuple[FloatVector, FloatVector]:
    """The reference's and the current share of each bin; both samples hold a value."""
    reference = current.reference
    if reference.kind == "number" and _values(reference) > _FEW_VALUES:
        counted = _sturges(current)
    else:
        either = (reference.counts > 0) | (current.counts > 0)
        counted = reference.counts[either].astype(np.float64), current.counts[either].astype(np.float64)
    return counted[0] / reference.rows, counted[1] / current.rows


def filled(found: FloatVector) -> FloatVector:
    """Shares of 0 replaced: by 0.0001, or by a millionth of the smallest share where that is not above 0.0001."""
    smallest = float(found[found > 0].min())
    return np.where(found > 0, found, smallest / 1e6 if smallest <= _LEAST else _LEAST)


def _values(reference: "FeatureReference") -> int:
    """How many different ones the reference has; manifests that do not tell have a cell for each at most."""
    return int(np.count_nonzero(reference.counts)) if reference.distinct is None else reference.distinct


def _sturges(current: "Distribution") -> tuple[FloatVector, FloatVector]:
    reference = current.reference
    edges = reference.edges.astype(np.float64)
    low, high = edges[1 if reference.whole else 0], edges[-1]
    if current.minimum is not None and current.maximum is not None:
        low, high = min(low, current.minimum), max(high, current.maximum)
    width = (high - low) / (np.log2(reference.rows + current.rows) + 1.0)
    width = max(width, 1.0) if reference.whole else width
    bins = max(int(np.ceil((high - low) / width)), 1) if width > 0 else 1
    limits = _before(np.linspace(low, high, bins + 1)[1:-1], reference.whole)
    return _within(limits, edges, reference.counts, low, high), _within(limits, edges, current.counts, low, high)


def _before(limits: FloatVector, whole: bool) -> FloatVector:
    """The largest values below: a bin holds its lower limit and not its upper one."""
    if whole:
        return np.ceil(limits) - 1.0
    closest = limits.astype(np.float32)
    return np.where(closest < limits, closest, np.nextafter(closest, np.float32(-np.inf))).astype(np.float64)


def _within(limits: FloatVector, edges: FloatVector, counts: Counts, low: float, high: float) -> FloatVector:
    """Rows between the limits, from the lowest value of both samples to the highest."""
    knots = np.concatenate([[min(low, edges[0])], edges, [max(high, edges[-1])]])
    up_to = np.concatenate([[0.0], np.cumsum(counts)])
    # Whole rows: the logarithm of a bin that holds a millionth of one would outweigh all others.
    bounds = np.concatenate([[0.0], np.rint(np.interp(limits, knots, up_to)), up_to[-1:]])
    rows: FloatVector = bounds[1:] - bounds[:-1]
    return rows
