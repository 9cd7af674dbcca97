"""Isolation forest: a row that few random cuts part from all others is an outlier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.outliers.base import Matrix
from models.outliers.trees import Tree
from models.signature import FloatVector

TREES = 100


class IsolationForest:
    """scikit-learn's, and its scores with the sign turned: 0.5 and less of the ordinary, near 1 of what stands alone.

    Source: Liu, Ting and Zhou, "Isolation forest" (ICDM 2008).
    """

    strict = False

    def fit(self, matrix: Matrix, seed: int) -> Sequence[Tree]:
        from sklearn.ensemble import IsolationForest as Forest

        forest = Forest(n_estimators=TREES, random_state=seed).fit(matrix)
        whole = TREES * float(_expected_cuts(np.array([forest.max_samples_]))[0])
        return [_tree(estimator.tree_, whole) for estimator in forest.estimators_]

    def scores(self, sums: FloatVector) -> FloatVector:
        return np.exp2(-sums)


def _tree(grown: Any, whole: float) -> Tree:
    """Leaves are worth the cuts on the way to them and those expected beyond, as a part of the mean over all trees."""
    left, right = grown.children_left, grown.children_right
    leaf = left < 0
    cuts = np.zeros(len(left))
    for node in np.flatnonzero(~leaf):  # a child comes after its parent
        cuts[[left[node], right[node]]] = cuts[node] + 1
    worth = (cuts + _expected_cuts(grown.n_node_samples)) / whole
    return Tree(np.where(leaf, -1, grown.feature), grown.threshold, left, right, worth)


def _expected_cuts(rows: npt.NDArray[np.intp]) -> FloatVector:
    """How many cuts part a row from so many others on average: those of a failed search in a random binary tree."""
    several = np.maximum(rows, 2).astype(np.float64)
    cuts = 2.0 * (np.log(several - 1.0) + np.euler_gamma) - 2.0 * (several - 1.0) / several
    return np.where(rows > 2, cuts, np.where(rows == 2, 1.0, 0.0))
