"""Quantiles of a stream of numbers in memory that does not grow with it."""

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np

from models.signature import FloatVector

ACCURACY = 0.01
_GROWTH = math.log((1 + ACCURACY) / (1 - ACCURACY))
_SMALLEST = 1e-300
"""Numbers below are taken for 0."""


class Quantiles:
    """Of numbers from 0 on: their mean and largest, and quantiles that are within 1 % of the exact ones.

    They are counted in buckets that each reach 2 % further than the last, 70 000 at most (Masson, Rim and Lee,
    DDSketch, VLDB 2019).
    """

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0
        self._sum = 0.0
        self._zeros = 0
        self._buckets: Counter[int] = Counter()

    def add(self, values: FloatVector, times: int = 1) -> None:
        """Count finite numbers, each so many times."""
        if not len(values):
            return
        self.count += times * len(values)
        self._sum += times * float(values.sum())
        self.largest = max(self.largest, float(values.max()))
        above = values[values >= _SMALLEST]
        self._zeros += times * (len(values) - len(above))
        buckets, counts = np.unique(np.ceil(np.log(above) / _GROWTH).astype(np.int64), return_counts=True)
        self._buckets.update(dict(zip(buckets.tolist(), (times * counts).tolist(), strict=True)))

    def merge(self, other: "Quantiles") -> None:
        """Count what the other has counted."""
        self.count += other.count
        self._sum += other._sum
        self._zeros += other._zeros
        self.largest = max(self.largest, other.largest)
        self._buckets.update(other._buckets)

    @property
    def mean(self) -> float:
        return self._sum / self.count if self.count else 0.0

    def at(self, share: float) -> float:
        """The number that this share of all do not exceed; 0 where there are none."""
        left = math.ceil(share * self.count) - self._zeros
        if left <= 0:
            return 0.0
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(self.largest, math.exp(bucket * _GROWTH) * (1 - ACCURACY))
        return self.largest

    def summary(self, *shares: int) -> Mapping[str, float]:
        """`p50` and the like, by percent."""
        return {f"p{share}": self.at(share / 100) for share in shares}
