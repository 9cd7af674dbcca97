"""Which algorithm learns these rows best: tried forward in time, on rows that come after those it was fitted on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.pipelines import build
from models.signature import Signature
from models.training import Matrix, Numbers, Truth
from schemas.errors import InvalidRequest

FOLDS = 3
MOST_ROWS = 20_000
"""Rows that algorithms are tried on, the latest ones: which is best shows on as many, and a forest takes its time."""

Fold = tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Tried:
    """How an algorithm did. log_loss, roc_auc: of each fold."""

    algorithm: str
    log_loss: tuple[float, ...]
    roc_auc: tuple[float, ...]

    @property
    def mean_loss(self) -> float:
        """Of the folds."""
        return float(np.mean(self.log_loss))


def choose(
    signature: Signature,
    matrix: Matrix,
    truth: Truth,
    algorithms: Sequence[str],
    seed: int,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Tried]:
    """The algorithms, that of the least log loss first.

    matrix: [n, n_features], oldest first. truth: [n]. progress: called with each algorithm as it begins. Raises
    InvalidRequest where no fold has rows of both classes before and after.
    """
    matrix, truth = matrix[-MOST_ROWS:], truth[-MOST_ROWS:]
    folds = list(_folds(truth))
    if not folds:
        raise InvalidRequest(
            f"of the {len(truth)} rows to learn from, early or late ones have one label only: wait for more labels"
        )
    tried = []
    for algorithm in algorithms:
        progress(algorithm)
        figures = [_figures(signature, algorithm, seed, matrix, truth, fold) for fold in folds]
        losses, areas = zip(*figures, strict=True)
        tried.append(Tried(algorithm, losses, areas))
    return sorted(tried, key=lambda one: one.mean_loss)


def _folds(truth: Truth) -> Iterator[Fold]:
    from sklearn.model_selection import TimeSeriesSplit

    if len(truth) <= FOLDS:
        return
    for before, after in TimeSeriesSplit(FOLDS).split(truth):
        if len(set(truth[before].tolist())) == len(set(truth[after].tolist())) == 2:
            yield before, after


def _figures(
    signature: Signature, algorithm: str, seed: int, matrix: Matrix, truth: Truth, fold: Fold
) -> tuple[float, float]:
    from sklearn.metrics import log_loss, roc_auc_score

    before, after = fold
    fitted = build(signature, algorithm, seed).fit(matrix[before], truth[before])
    scores = fitted.predict_proba(matrix[after])[:, 1]
    return float(log_loss(truth[after], scores, labels=[0, 1])), float(roc_auc_score(truth[after], scores))
