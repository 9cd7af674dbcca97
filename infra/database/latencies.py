"""Latencies as a histogram of logarithmic buckets, which the database counts in and this reads."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import ceil, floor, sqrt

RATIO = 1.02
"""Of a bucket's edges, as in `latency_bucket` of the schema. Bucket 0 begins at 1 ms; less than 1 us counts as 1 us."""


class Latencies:
    """How many requests took how long.

    histograms: bucket -> requests, to be added up.
    A percentile is within 1 % of the one of the values themselves.
    """

    def __init__(self, histograms: Iterable[Mapping[str, int]]) -> None:
        found: Counter[int] = Counter()
        for histogram in histograms:
            found.update({int(bucket): requests for bucket, requests in histogram.items()})
        self._buckets = sorted((bucket, requests) for bucket, requests in found.items() if requests > 0)
        self._up_to = list(accumulate(requests for _, requests in self._buckets))

    @property
    def count(self) -> int:
        return self._up_to[-1] if self._up_to else 0

    def slower(self, than_ms: float) -> int:
        """How many took longer, by less than 2 % to be sure: those whose whole bucket is above."""
        return sum(requests for bucket, requests in self._buckets if RATIO**bucket >= than_ms)

    def percentile(self, share: float) -> float | None:
        """Between two values by their distance, as percentile_cont has it; None where there are none."""
        if not self._buckets:
            return None
        rank = share * (self._up_to[-1] - 1)
        low, high = self._at(floor(rank)), self._at(ceil(rank))
        return low + (high - low) * (rank - floor(rank))

    def _at(self, rank: int) -> float:
        """The middle of the bucket that has the value of this rank, from 0 up."""
        bucket = self._buckets[bisect_right(self._up_to, rank)][0]
        return RATIO**bucket * sqrt(RATIO)


NOTHING = Latencies([])
