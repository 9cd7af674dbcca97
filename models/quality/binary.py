"""A window of a binary classifier's answers whose truth is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from models.quality.measures import SMALLEST, UNIT, Measures, area, by_place, confusion, gathered, nothing, units
from models.signature import FloatVector

CELLS = 1000
"""Of equal width, from 0 to 1: what the area under the ROC curve is told from."""
BINS = 10
"""Of equal width, that calibration is told from."""
NAMES = (
    "accuracy", "precision", "recall", "f1", "roc_auc", "roc_auc_error", "log_loss", "brier",
    "calibration_error", "base_rate", "mean_score",
)  # fmt: skip

Cells = npt.NDArray[np.int64]


def cell_of(scores: FloatVector) -> npt.NDArray[np.intp]:
    """The cell of each score; cell i reaches from i / CELLS to before the next one, the last one holds 1 too."""
    return np.minimum((scores * CELLS).astype(np.intp), CELLS - 1)


def _cells() -> Cells:
    return np.zeros((2, CELLS), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class BinaryQuality:
    """Counts and sums of rows; those of parts add up to exactly those of the whole, in any order.

    confusion: [truth, answer]. cells: [truth, cell of the score]. scores: the sum of each cell's scores, log_loss and
    brier of all rows' losses, in UNITs.
    """

    confusion: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 2), dtype=np.int64))
    cells: Cells = field(default_factory=_cells)
    scores: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(CELLS, dtype=np.int64))
    log_loss: int = 0
    brier: int = 0
    unusable: int = 0

    @classmethod
    def of(cls, scores: FloatVector, answers: npt.ArrayLike, truth: npt.ArrayLike) -> "BinaryQuality":
        """Of rows, all [n]: the positive class's probability, whether that class was answered, whether it was right.

        Answers and truth are 0 or 1. Rows with a score that is no probability, or another answer or truth, are
        unusable.
        """
        said, true = np.asarray(answers, dtype=np.float64), np.asarray(truth, dtype=np.float64)
        usable = (scores >= 0) & (scores <= 1) & np.isin(said, (0, 1)) & np.isin(true, (0, 1))
        p, yes, is_yes = scores[usable], said[usable].astype(np.intp), true[usable].astype(np.intp)
        places = cell_of(p)
        likelihood = np.clip(np.where(is_yes == 1, p, 1 - p), SMALLEST, 1 - SMALLEST)
        return cls(
            confusion=np.bincount(2 * is_yes + yes, minlength=4).reshape(2, 2).astype(np.int64),
            cells=np.bincount(CELLS * is_yes + places, minlength=2 * CELLS).reshape(2, CELLS).astype(np.int64),
            scores=by_place(places, p, CELLS),
            log_loss=units(-np.log(likelihood)),
            brier=units((p - is_yes) ** 2),
            unusable=int((~usable).sum()),
        )

    def __add__(self, other: "BinaryQuality") -> "BinaryQuality":
        return BinaryQuality(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def rows(self) -> int:
        return int(self.confusion.sum())

    def measures(self) -> Measures:
        """NAMES; where all rows are of one class there is no ROC AUC."""
        if not self.rows:
            return nothing(NAMES, self.unusable)
        (tn, fp), (fn, tp) = self.confusion.tolist()
        found = area(self.cells[1].astype(np.float64), self.cells[0].astype(np.float64))
        roc_auc, error = found or ("one_class", "one_class")
        values = confusion(tp, fp, fn, tn) | {
            "roc_auc": roc_auc,
            "roc_auc_error": error,
            "log_loss": self.log_loss * UNIT / self.rows,
            "brier": self.brier * UNIT / self.rows,
            "calibration_error": self._calibration_error(),
            "base_rate": (tp + fn) / self.rows,
            "mean_score": int(self.scores.sum()) * UNIT / self.rows,
        }
        return gathered(self.rows, self.unusable, values)

    def _calibration_error(self) -> float:
        """ECE: how far the mean score is from the share of positives, bin by bin, over all rows.

        Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (2015).
        """
        positives = self.cells[1].reshape(BINS, -1).sum(axis=1)
        scores = self.scores.reshape(BINS, -1).sum(axis=1) * UNIT
        return float(np.abs(scores - positives).sum() / self.rows)

    def to_json(self) -> dict[str, Any]:
        """Plain data, of the cells only those that are not empty."""
        used = np.flatnonzero(self.cells.sum(axis=0))
        kept = {str(i): [*self.cells[:, i].tolist(), int(self.scores[i])] for i in used.tolist()}
        sums = {"log_loss": self.log_loss, "brier": self.brier, "unusable": self.unusable}
        return sums | {"confusion": self.confusion.tolist(), "cells": kept}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "BinaryQuality":
        cells, scores = _cells(), np.zeros(CELLS, dtype=np.int64)
        for place, (negatives, positives, total) in data["cells"].items():
            cells[:, int(place)], scores[int(place)] = (negatives, positives), total
        counts = np.array(data["confusion"], dtype=np.int64)
        return cls(counts, cells, scores, data["log_loss"], data["brier"], data["unusable"])
