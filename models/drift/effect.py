"""How many rows have moved, whatever the feature: the size of a drift."""

import numpy as np

from models.drift.base import Distribution
from models.drift.chi_square import pooled
from models.drift.ks import KS


def effect(current: Distribution) -> float:
    """The largest share of rows, 0..1, by which any set of values is more or less frequent than in the reference.

    Of a number any set of values up to one (Kolmogorov-Smirnov's statistic), of a text any set of categories (total
    variation), of those that chi-square compares and without what chance brings: of 80 categories that are equally
    frequent 12 of 100 rows lie elsewhere in the next window. Both samples hold a value.
    """
    if current.reference.kind == "number":
        return KS().measure(current).distance
    table = pooled(current)
    sizes = table.sum(axis=1)
    moved = np.abs(np.subtract(*(table / sizes[:, None]))).sum() / 2
    shares = table.sum(axis=0) / sizes.sum()
    chance = np.sqrt(2 / np.pi * shares * (1 - shares) * (1 / sizes).sum()).sum() / 2  # as normal deviations have
    return float(np.sqrt(max(moved**2 - chance**2, 0.0)))
