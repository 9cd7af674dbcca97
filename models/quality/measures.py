"""What a window's measures are: numbers, or why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.signature import FloatVector

Why = Literal["empty_window", "one_class", "nothing_answered_yes", "nothing_is_yes", "neither_answered_nor_is_yes"]
"""Why a measure has no value: no usable rows; all of one class; no positive answer (precision); no positive truth
(recall); neither of both (F1)."""

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are taken to be as far from 0 and 1 at least before their logarithm, as scikit-learn does."""
UNIT = 1e-9
"""Sums are kept in whole units of this, so that parts add up to the same number in any order; a row's rounding is half
of it at most."""


@dataclass(frozen=True)
class Measures:
    """rows: usable ones. unusable: rows that count in nothing, their score or truth being none.

    values: by name; never NaN. missing: why others have none.
    """

    rows: int
    unusable: int
    values: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, Why] = field(default_factory=dict)


def gathered(rows: int, unusable: int, found: Mapping[str, float | Why]) -> Measures:
    """Numbers and reasons, told apart."""
    values = {name: value for name, value in found.items() if not isinstance(value, str)}
    return Measures(rows, unusable, values, {name: why for name, why in found.items() if isinstance(why, str)})


def nothing(names: Sequence[str], unusable: int) -> Measures:
    return Measures(0, unusable, {}, dict.fromkeys(names, "empty_window"))


def units(values: FloatVector) -> int:
    """Their sum in UNITs, exact once each is rounded."""
    return int(np.rint(values / UNIT).astype(np.int64).sum())


def by_place(places: npt.NDArray[np.intp], values: FloatVector, count: int) -> npt.NDArray[np.int64]:
    """For each of so many places, the sum of its values in UNITs."""
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, places, np.rint(values / UNIT).astype(np.int64))
    return sums


def confusion(tp: float, fp: float, fn: float, tn: float) -> dict[str, float | Why]:
    """Accuracy, precision, recall and F1 of rows that are counted, or expected; there is one at least."""
    return {
        "accuracy": (tp + tn) / (tp + fp + fn + tn),
        "precision": tp / (tp + fp) if tp + fp else "nothing_answered_yes",
        "recall": tp / (tp + fn) if tp + fn else "nothing_is_yes",
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else "neither_answered_nor_is_yes",
    }


def area(positives: FloatVector, negatives: FloatVector) -> tuple[float, float] | None:
    """ROC AUC from how many of each class lie in each cell of scores, and how far it may be off.

    None where one class has none. Pairs within a cell count half, as ties do: the area of the scores themselves
    differs by no more than half of the share of such pairs.
    """
    pairs = float(positives.sum() * negatives.sum())
    if pairs <= 0:
        return None
    below = np.cumsum(negatives) - negatives
    shared = float((positives * negatives).sum())
    return (float((positives * below).sum()) + shared / 2) / pairs, shared / 2 / pairs
