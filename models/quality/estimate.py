"""How good a binary classifier's answers probably are before their truth is known: from the answers alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from models.quality.binary import BINS, CELLS, BinaryQuality, Cells, cell_of
from models.quality.measures import UNIT, Measures, area, by_place, confusion, gathered, nothing
from models.signature import FloatVector

NAMES = ("accuracy", "precision", "recall", "f1", "roc_auc", "base_rate")


@dataclass(frozen=True, eq=False)
class Answered:
    """Counts of rows whose truth is not known; those of parts add up to exactly those of the whole, in any order.

    cells: [answer, cell of the score]. scores: the sums of their scores, in UNITs, [answer, cell].
    """

    cells: Cells = field(default_factory=lambda: np.zeros((2, CELLS), dtype=np.int64))
    scores: Cells = field(default_factory=lambda: np.zeros((2, CELLS), dtype=np.int64))
    unusable: int = 0

    @classmethod
    def of(cls, scores: FloatVector, answers: npt.ArrayLike) -> "Answered":
        """Of rows, all [n]: the positive class's probability, and whether that class was answered, 0 or 1.

        Rows with a score that is no probability, or another answer, are unusable.
        """
        said = np.asarray(answers, dtype=np.float64)
        usable = (scores >= 0) & (scores <= 1) & np.isin(said, (0, 1))
        places = CELLS * said[usable].astype(np.intp) + cell_of(scores[usable])
        counts = np.bincount(places, minlength=2 * CELLS).astype(np.int64)
        sums = by_place(places, scores[usable], 2 * CELLS)
        return cls(counts.reshape(2, CELLS), sums.reshape(2, CELLS), int((~usable).sum()))

    def __add__(self, other: "Answered") -> "Answered":
        return Answered(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def to_json(self) -> dict[str, Any]:
        """Plain data, of the cells only those that are not empty: counts of both answers, then sums."""
        used = np.flatnonzero(self.cells.sum(axis=0)).tolist()
        kept = {str(i): [*self.cells[:, i].tolist(), *self.scores[:, i].tolist()] for i in used}
        return {"cells": kept, "unusable": self.unusable}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Answered":
        found = cls(unusable=data["unusable"])
        for place, counted in data["cells"].items():
            found.cells[:, int(place)], found.scores[:, int(place)] = counted[:2], counted[2:]
        return found


@dataclass(frozen=True)
class Calibration:
    """What share of rows is positive by their score: interpolated between `scores`, which rise, as `shares` do."""

    scores: tuple[float, ...] = (0.0, 1.0)
    shares: tuple[float, ...] = (0.0, 1.0)

    @classmethod
    def learned(cls, known: BinaryQuality) -> "Calibration":
        """From rows whose truth is known, BINS bins of them, by isotonic regression; a score is a share without any."""
        counts = known.cells.sum(axis=0).reshape(BINS, -1).sum(axis=1)
        used = counts > 0
        if not used.any():
            return cls()
        from scipy.optimize import isotonic_regression

        counted = counts[used]
        scores = known.scores.reshape(BINS, -1).sum(axis=1)[used] * UNIT / counted
        positives = known.cells[1].reshape(BINS, -1).sum(axis=1)[used]
        shares = isotonic_regression(positives / counted, weights=counted).x
        return cls(tuple(scores.tolist()), tuple(shares.tolist()))

    def shares_of(self, scores: FloatVector) -> FloatVector:
        return np.interp(scores, self.scores, self.shares)


def estimate(answered: Answered, calibration: Calibration | None = None) -> Measures:
    """The expected measures of rows whose truth is not known: NAMES.

    Each row is expected to be positive as often as its score says, or what `calibration` makes of it; that holds while
    scores mean what they meant, so it sees that other rows come, not that the same rows come to another end.
    Source: confidence-based performance estimation (CBPE) as NannyML documents it.
    """
    rows = int(answered.cells.sum())
    if not rows:
        return nothing(NAMES, answered.unusable)
    means = answered.scores * UNIT / np.maximum(answered.cells, 1)
    shares = means if calibration is None else calibration.shares_of(means)
    positives = answered.cells * shares
    negatives = answered.cells - positives
    (fn, tp), (tn, fp) = positives.sum(axis=1).tolist(), negatives.sum(axis=1).tolist()
    found = area(positives.sum(axis=0), negatives.sum(axis=0))
    values = confusion(tp, fp, fn, tn) | {
        "roc_auc": found[0] if found else "one_class",
        "base_rate": (tp + fn) / rows,
    }
    return gathered(rows, answered.unusable, values)


def corrected(estimated: Measures, realised: Measures) -> dict[str, float]:
    """By how much the labels that came later moved each measure; those that both have a value of."""
    shared = estimated.values.keys() & realised.values.keys()
    return {name: realised.values[name] - estimated.values[name] for name in sorted(shared)}
