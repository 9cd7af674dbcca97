"""A window of a multiclass model's answers whose truth is known."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from models.quality.measures import SMALLEST, UNIT, Measures, gathered, nothing, units
from models.signature import FloatVector

NAMES = ("accuracy", "macro_f1", "log_loss")

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MulticlassQuality:
    """Counts and sums of rows; those of parts add up to exactly those of the whole, in any order.

    right, answered, true: for each class, [k], how often it was answered rightly, answered, and the truth.
    log_loss: the sum of all rows', in UNITs.
    """

    right: Counts
    answered: Counts
    true: Counts
    log_loss: int = 0
    unusable: int = 0

    @classmethod
    def of(cls, probabilities: FloatVector, truth: npt.ArrayLike) -> "MulticlassQuality":
        """Of rows: each class's probability, [n, k], and the true class's place, [n].

        The likeliest class is the answer, of equals the first. Rows with a probability that is none, or a truth that
        is no place, are unusable.
        """
        classes, true = probabilities.shape[1], np.asarray(truth, dtype=np.float64)
        usable = ((probabilities >= 0) & (probabilities <= 1)).all(axis=1) & np.isin(true, np.arange(classes))
        p, is_class = probabilities[usable], true[usable].astype(np.intp)
        said = p.argmax(axis=1)
        likelihood = np.clip(p[np.arange(len(p)), is_class], SMALLEST, 1 - SMALLEST)
        places = (said[said == is_class], said, is_class)
        right, answered, known = (np.bincount(place, minlength=classes).astype(np.int64) for place in places)
        return cls(right, answered, known, units(-np.log(likelihood)), int((~usable).sum()))

    def __add__(self, other: "MulticlassQuality") -> "MulticlassQuality":
        return MulticlassQuality(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def rows(self) -> int:
        return int(self.true.sum())

    def measures(self) -> Measures:
        """NAMES; the F1 is the mean over the classes that were answered or are true, as scikit-learn's."""
        if not self.rows:
            return nothing(NAMES, self.unusable)
        either = self.answered + self.true
        f1 = 2 * self.right[either > 0] / either[either > 0]
        values = (int(self.right.sum()) / self.rows, float(f1.mean()), self.log_loss * UNIT / self.rows)
        return gathered(self.rows, self.unusable, dict(zip(NAMES, values, strict=True)))

    def to_json(self) -> dict[str, Any]:
        counts = {name: getattr(self, name).tolist() for name in ("right", "answered", "true")}
        return counts | {"log_loss": self.log_loss, "unusable": self.unusable}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "MulticlassQuality":
        right, answered, true = (np.array(data[name], dtype=np.int64) for name in ("right", "answered", "true"))
        return cls(right, answered, true, data["log_loss"], data["unusable"])
