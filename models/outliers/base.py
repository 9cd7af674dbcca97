"""What every outlier detector is to its bundle, and what the bundle's manifest says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.outliers.trees import Tree
from models.signature import FloatVector
from schemas.errors import InvalidRequest

LARGEST_CONTAMINATION = 0.5

Matrix = npt.NDArray[np.float32]


class Method(Protocol):
    """A way to tell outliers by trees whose leaves add up."""

    strict: bool
    """Whether a row goes left below a node's value only, or at it as well."""

    def fit(self, matrix: Matrix, seed: int) -> Sequence[Tree]:
        """Trees that know the rows [n, n_features]; the same ones for the same seed."""
        ...

    def scores(self, sums: FloatVector) -> FloatVector:
        """The outlier scores, from 0 to 1, of rows whose leaves add up to these; an odder row has the higher one."""
        ...


@dataclass(frozen=True)
class Order:
    """Which detector a bundle is to have. contamination: the share of rows that it is to flag.

    Raises InvalidRequest for a contamination that is none.
    """

    detector: str = "isolation_forest"
    contamination: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.contamination <= LARGEST_CONTAMINATION:
            raise InvalidRequest(
                f"contamination {self.contamination} is no share of outliers: "
                f"give a number above 0 and up to {LARGEST_CONTAMINATION}"
            )


DEFAULT = Order()


@dataclass(frozen=True)
class Outliers:
    """What a manifest says of the detector beside the model.

    detector: a name of DETECTORS. contamination: the share of rows that is to be flagged. threshold: rows that score
    above it are. typical: the median of each feature in training, of a category the commonest code.
    smoke: scores of `models.profile.typical_rows` as the trainer saw them. rows: of which the threshold was chosen,
    None in older manifests.
    Raises ValueError for what no training writes.
    """

    detector: str
    contamination: float
    threshold: float
    typical: tuple[float, ...]
    smoke: tuple[float, ...]
    rows: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.contamination <= LARGEST_CONTAMINATION:
            raise ValueError(f"contamination {self.contamination} is not above 0 and up to {LARGEST_CONTAMINATION}")
        if not all(map(isfinite, (self.threshold, *self.typical, *self.smoke))):
            raise ValueError("threshold, typical values and scores of a detector are finite")
        if self.rows is not None and self.rows < 1:
            raise ValueError(f"a threshold is chosen on one row or more, not on {self.rows}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"typical": list(self.typical), "smoke": list(self.smoke)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Outliers":
        typical, smoke = tuple(map(float, data["typical"])), tuple(map(float, data["smoke"]))
        rows = None if data.get("rows") is None else int(data["rows"])
        return cls(str(data["detector"]), float(data["contamination"]), float(data["threshold"]), typical, smoke, rows)
