"""How many rows have moved, whatever the feature: the size of a drift."""

import numpy as np

from models.drift.base import Distribution
from models.drift.ks import KS


def effect(current: Distribution) -> float:
    """The largest share of rows, 0..1, by which any set of values is more or less frequent than in the reference.

    Of a number any set of values up to one (Kolmogorov-Smirnov's statistic), of a text any set of categories (total
    variation). Both samples hold a value.
    """
    if current.reference.kind == "number":
        return KS().measure(current).distance
    reference = current.reference.counts / current.reference.rows
    return float(np.abs(reference - current.counts / current.rows).sum() / 2)
