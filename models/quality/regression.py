"""A window of a regression's answers whose truth is known."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.quality.measures import Measures, gathered, nothing
from models.signature import FloatVector

LARGEST = 1e140
"""No sum of such errors' squares is too large for a float."""
NAMES = ("mae", "rmse", "bias")


@dataclass(frozen=True)
class RegressionQuality:
    """Sums over rows; as their scale is not known, parts add up to the whole but for a float's last bits.

    error, absolute, squared: of the errors, which are answer less truth.
    """

    rows: int = 0
    error: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0
    unusable: int = 0

    @classmethod
    def of(cls, answers: FloatVector, truth: FloatVector) -> "RegressionQuality":
        """Of rows: what was answered, what is true, [n]. Those with no error, or one beyond LARGEST, are unusable."""
        with np.errstate(all="ignore"):
            errors = answers - truth
            usable = np.abs(errors) <= LARGEST
        kept = errors[usable]
        error, absolute, squared = (math.fsum(values.tolist()) for values in (kept, np.abs(kept), kept**2))
        return cls(len(kept), error, absolute, squared, int((~usable).sum()))

    def __add__(self, other: "RegressionQuality") -> "RegressionQuality":
        return RegressionQuality(**{name: value + getattr(other, name) for name, value in asdict(self).items()})

    def measures(self) -> Measures:
        """NAMES."""
        if not self.rows:
            return nothing(NAMES, self.unusable)
        values = (self.absolute / self.rows, math.sqrt(self.squared / self.rows), self.error / self.rows)
        return gathered(self.rows, self.unusable, dict(zip(NAMES, values, strict=True)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RegressionQuality":
        return cls(**data)
