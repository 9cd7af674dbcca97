"""Half-space trees: a row that falls where few of the training rows fell is an outlier."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.outliers.base import Matrix
from models.outliers.trees import Tree
from models.signature import FloatVector

TREES, HEIGHT = 25, 8
"""The paper's number of trees; river's height, as each level doubles what a bundle holds."""
WINDOW = 1000
"""Training rows that masses are counted of, at most."""


class HalfSpaceTrees:
    """river's, and its scores: 1 is where no row of training fell.

    Features are laid on 0..1 between their extremes in training, as a tree cuts wide ones more often. The masses are
    those of one window out of the training rows, and stay: rows scored later do not move what a threshold was set for.
    Source: Tan, Ting and Liu, "Fast anomaly detection for streaming data" (IJCAI 2011).
    """

    strict = True

    def fit(self, matrix: Matrix, seed: int) -> Sequence[Tree]:
        from river.anomaly import HalfSpaceTrees as Trees

        low, span = laid_out(matrix)
        window = drawn(matrix, seed)
        trees: Any = Trees(n_trees=TREES, height=HEIGHT, window_size=len(window), seed=seed)
        for row in ((window - low) / span).tolist():
            trees.learn_one(dict(enumerate(row)))
        return [_tree(root, low, span, trees) for root in trees.trees]

    def scores(self, sums: FloatVector) -> FloatVector:
        return np.clip(1.0 - sums, 0.0, 1.0)


def laid_out(matrix: Matrix) -> tuple[FloatVector, FloatVector]:
    """Each feature's smallest value and how far it reaches; 1 where it does not."""
    low, high = matrix.min(axis=0).astype(np.float64), matrix.max(axis=0).astype(np.float64)
    return low, np.where(high > low, high - low, 1.0)


def drawn(matrix: Matrix, seed: int) -> Matrix:
    """The rows that make the window."""
    count = min(len(matrix), WINDOW)
    return matrix[np.random.default_rng(seed).choice(len(matrix), count, replace=False)]


def _tree(root: Any, low: FloatVector, span: FloatVector, trees: Any) -> Tree:
    """A leaf is worth what the masses on the way to it add up to; the way ends at a mass that is small."""
    rows: list[list[float]] = []

    def place(node: Any, depth: int, above: float) -> int:
        here, worth = len(rows), above + node.r_mass * 2**depth
        rows.append([-1, 0.0, 0, 0, worth / trees._max_score])
        if depth < HEIGHT and node.r_mass >= trees.size_limit:
            at, (left, right) = node.feature, node.children
            cut = low[at] + node.threshold * span[at]
            rows[here] = [at, cut, place(left, depth + 1, worth), place(right, depth + 1, worth), 0.0]
        return here

    place(root, 0, 0.0)
    feature, value, left, right, worth = map(np.array, zip(*rows, strict=True))
    return Tree(feature.astype(np.intp), value, left.astype(np.intp), right.astype(np.intp), worth)
