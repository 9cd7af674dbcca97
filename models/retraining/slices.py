"""How two models do on parts of the rows: who is better over all may be worse for some."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.signature import FloatVector, Signature
from models.training import Matrix, Truth

LEAST_ROWS = 50
QUARTERS = 4
MOST_NUMBERS = 5
"""Numeric features that are cut into quarters, those that answers hang on most."""
SURE = 3.0
"""Standard errors from which on a difference is none of chance: of a hundred slices one in ten tables has one."""


@dataclass(frozen=True)
class Slice:
    """Rows with one category, or of one quarter of a number.

    brier, champion_brier: mean squared error of the probabilities. worse: whether the candidate's is higher by more
    than chance brings.
    """

    feature: str
    part: str
    rows: int
    base_rate: float
    brier: float
    champion_brier: float
    worse: bool


def slices(
    signature: Signature,
    matrix: Matrix,
    truth: Truth,
    scores: FloatVector,
    champion_scores: FloatVector,
    importance: Mapping[str, float],
) -> list[Slice]:
    """Of each feature's parts that have LEAST_ROWS or more.

    matrix: encoded rows [n, n_features]. truth, scores, champion_scores: [n]. importance: of the features.
    """
    gained = (scores - truth) ** 2 - (champion_scores - truth) ** 2
    found = []
    for feature, part, chosen in _parts(signature, matrix, importance):
        rows = int(chosen.sum())
        if rows < LEAST_ROWS:
            continue
        loss = gained[chosen]
        error = float(loss.std(ddof=1)) / np.sqrt(rows)
        brier = float(((scores - truth) ** 2)[chosen].mean())
        found.append(
            Slice(
                feature,
                part,
                rows,
                float(truth[chosen].mean()),
                brier,
                brier - float(loss.mean()),
                bool(loss.mean() > SURE * error),
            )
        )
    return found


def _parts(
    signature: Signature, matrix: Matrix, importance: Mapping[str, float]
) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    numbers = [feature.name for feature in signature.features if feature.type != "str"]
    cut = set(sorted(numbers, key=lambda name: -importance.get(name, 0.0))[:MOST_NUMBERS])
    for feature, column in zip(signature.features, matrix.T, strict=True):
        if feature.type == "str":
            for code, category in enumerate(feature.categories, 1):
                yield feature.name, category, column == code
            yield feature.name, "(unseen in training)", column == 0
        elif feature.name in cut:
            yield from ((feature.name, part, chosen) for part, chosen in _quarters(column))


def _quarters(column: npt.NDArray[np.float32]) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """By the column's quartiles; equal values are never apart."""
    edges: Sequence[float] = np.unique(np.quantile(column, np.linspace(0, 1, QUARTERS + 1))).tolist()
    for low, high in pairwise(edges):
        is_first = low == edges[0]
        inside = (column >= low if is_first else column > low) & (column <= high)
        yield f"{'from' if is_first else 'above'} {low:g} to {high:g}", inside
