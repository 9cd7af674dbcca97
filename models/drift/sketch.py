"""What a window's rows looked like, feature by feature, in counts that add up."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from models.drift.base import Distribution
from models.drift.reference import Reference
from models.grid import Counts

_FARTHEST = 2**30
"""Units beyond an end, some 16 000 deviations: sums of 2**33 rows stay within 64 bits."""
_LARGEST = np.finfo(np.float32).max

Matrix = npt.NDArray[np.float32]


class Sketch:
    """Rows counted on the cells of one reference.

    A number's cells are those of `models.grid`; a text's are its categories, with one for all that training did
    not see. Each feature has one for missing values more (NaN). What is integer here adds and subtracts exactly.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.layout = layout = reference.layout
        self.rows = 0
        self.counts = np.zeros(layout.size, dtype=np.int64)
        self.tails = np.zeros((layout.columns, 2), dtype=np.int64)
        """Of each column: by how many units its values are below the first edge and above the last, summed."""
        self.extremes = np.full((layout.columns, 2), (np.inf, -np.inf), dtype=np.float32)

    def add(self, matrix: Matrix, answers: Matrix | None = None) -> None:
        """Count rows. matrix: as `models.features.encode` makes it, [n, n_features].

        answers: as `answer_column` makes them, [n]; counted where the reference has any, missing where there are none.
        """
        if not len(matrix):
            return
        columns = self._columns(matrix, answers)
        columns.sort(axis=1)
        held = len(matrix) - np.count_nonzero(np.isnan(columns), axis=1)
        counts = self.layout.count(columns, held)
        self.counts += counts
        self.rows += len(matrix)
        low, high = self.extremes.T
        np.fmin(low, np.fmin.reduce(columns, axis=1), out=low)
        np.fmax(high, np.fmax.reduce(columns, axis=1), out=high)
        self._reach(columns, counts, held)

    def merge(self, other: "Sketch") -> None:
        """Count what the other has counted. Raises ValueError where its cells are others."""
        self._check(other)
        self.rows += other.rows
        self.counts += other.counts
        self.tails += other.tails
        np.minimum(self.extremes[:, 0], other.extremes[:, 0], out=self.extremes[:, 0])
        np.maximum(self.extremes[:, 1], other.extremes[:, 1], out=self.extremes[:, 1])

    def subtract(self, other: "Sketch") -> None:
        """Forget what the other has counted, a part of this one; the extremes stay as bounds.

        Raises ValueError where it is no part or its cells are others.
        """
        self._check(other)
        if other.rows > self.rows or (other.counts > self.counts).any():
            raise ValueError("the other sketch is no part of this one")
        self.rows -= other.rows
        self.counts -= other.counts
        self.tails -= other.tails

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sketch)
            and self.reference.digest == other.reference.digest
            and self.rows == other.rows
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.tails, other.tails)
            and np.array_equal(self.extremes, other.extremes)
        )

    __hash__ = None  # type: ignore[assignment]  # it changes with every row

    def distributions(self) -> list[Distribution]:
        """What was counted of each of the reference's columns."""
        return [self.distribution(place) for place in range(self.layout.columns)]

    def distribution(self, place: int) -> Distribution:
        """What was counted of one of the reference's columns."""
        column = self.reference.columns[place]
        first, end = int(self.layout.first[place]), int(self.layout.missing[place])
        counts, missing = self.counts[first:end].copy(), int(self.counts[end])
        below, above = (self.tails[place] * column.unit).tolist()
        held = np.flatnonzero(counts).tolist()
        if column.kind == "category" or not held:
            return Distribution(column, counts, missing)
        # Once rows were subtracted the extremes may be theirs: no cell that is empty now holds them, and no row is
        # farther out than all together.
        edges = column.edges.astype(np.float64)
        ends = np.concatenate([[edges[0] - below], edges, [edges[-1] + above]])[[held[0], held[-1] + 1]]
        low, high = np.clip(self.extremes[place], *ends.clip(-_LARGEST, _LARGEST)).astype(np.float64).tolist()
        return Distribution(column, counts, missing, below, above, low, high)

    def _columns(self, matrix: Matrix, answers: Matrix | None) -> Matrix:
        features = len(self.reference.features)
        if matrix.ndim != 2 or matrix.shape[1] != features:
            raise ValueError(f"rows of {features} features are counted here, not a matrix of shape {matrix.shape}")
        columns = np.full((self.layout.columns, len(matrix)), np.nan, dtype=np.float32)
        columns[:features] = matrix.T
        if self.reference.answer is not None and answers is not None:
            columns[features] = answers
        self.layout.fitting(columns)
        return columns

    def _reach(self, columns: Matrix, counts: Counts, held: Counts) -> None:
        """Sum by how much values are beyond the ends; of most windows none is."""
        layout = self.layout
        under, over = counts[layout.first], counts[layout.last]
        for place in np.flatnonzero(layout.numbers & (under + over > 0)).tolist():
            values = columns[place, : held[place]].astype(np.float64)
            low, high = layout.ends[place]
            outside = low - values[: under[place]], values[len(values) - over[place] :] - high
            for side, beyond in enumerate(outside):
                units = np.rint(np.minimum(beyond / layout.units[place], _FARTHEST))
                self.tails[place, side] += int(units.sum())

    def _check(self, other: "Sketch") -> None:
        if self.reference.digest != other.reference.digest:
            raise ValueError("sketches of different references cannot be told together")


def merged(reference: Reference, sketches: Iterable[Sketch]) -> Sketch:
    """One sketch of what all have counted."""
    whole = Sketch(reference)
    for sketch in sketches:
        whole.merge(sketch)
    return whole
