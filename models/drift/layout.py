"""Where a sketch counts what: made once for each reference, for every sketch of it."""

from collections.abc import Sequence

import numpy as np

from models.drift.base import FeatureReference
from models.grid import Counts, Floats


class Layout:
    """Where each column's cells lie in one flat array of counts; its missing values follow its cells."""

    def __init__(self, known: Sequence[FeatureReference]) -> None:
        sizes = np.array([len(column.counts) + 1 for column in known], dtype=np.intp)
        self.columns = len(known)
        self.size = int(sizes.sum())
        self.missing = np.cumsum(sizes) - 1
        self.first = self.missing - sizes + 1
        self.last = self.missing - 1
        self.numbers = np.array([column.kind == "number" for column in known])
        self.units = np.array([column.unit for column in known])
        ends = [(c.edges[0], c.edges[-1]) if len(c.edges) else (0.0, 0.0) for c in known]
        self.ends = np.array(ends, dtype=np.float64)
        bounds = [np.arange(len(c.categories), dtype=np.float32) if c.kind == "category" else c.edges for c in known]
        self._bounds = list(zip(bounds, self.first.tolist(), self.last.tolist(), strict=True))
        self._texts = np.flatnonzero(~self.numbers)
        self._most = (sizes[self._texts, None] - 2).astype(np.float32)

    def fitting(self, columns: Floats) -> None:
        """Take codes that no category has for unseen ones, in place."""
        codes = columns[self._texts]
        columns[self._texts] = np.where(codes > self._most, 0, codes)

    def count(self, columns: Floats, held: Counts) -> Counts:
        """The rows of each cell. columns: each sorted, missing values last, of which `held` counts none."""
        up_to = np.empty(self.size, dtype=np.int64)
        for column, (bounds, first, last) in zip(columns, self._bounds, strict=True):
            up_to[first:last] = column.searchsorted(bounds, side="right")
        up_to[self.last] = held
        up_to[self.missing] = columns.shape[1]
        before = np.concatenate([[0], up_to[:-1]])
        before[self.first] = 0
        counts: Counts = up_to - before
        return counts
