"""What a test of drift is given, what it answers with, and what every test is."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol

import numpy as np

from models.drift.histogram import shares
from models.grid import Counts, Floats
from models.signature import FloatVector

Kind = Literal["number", "category"]
KINDS: tuple[Kind, ...] = ("number", "category")
Subject = Literal["feature", "prediction"]
"""What may drift: what a model is given, or what it answers."""


@dataclass(frozen=True, eq=False)
class FeatureReference:
    """One feature, or the model's answer, as training saw it.

    edges: of a number, rising, [k]. categories: of a text, by code from 1 on. counts: rows by cell; of a number [k+1],
    the first below the minimum, the last above the maximum; of a text [categories + 1], unseen ones first.
    distinct: different values, None where the manifest does not tell. No rows at all: there is no reference.
    """

    name: str
    subject: Subject
    kind: Kind
    counts: Counts
    edges: Floats
    categories: tuple[str, ...] = ()
    whole: bool = False
    std: float = 0.0
    distinct: int | None = None
    missing: int = 0

    @cached_property
    def rows(self) -> int:
        """Rows that hold a value."""
        return int(self.counts.sum())

    @cached_property
    def steps(self) -> FloatVector:
        """The share of rows up to the end of each cell."""
        return _steps(self.counts)

    @cached_property
    def constant(self) -> bool:
        """Whether all rows have the same value."""
        return int(np.count_nonzero(self.counts)) == 1 and (self.kind == "category" or self.std == 0.0)

    @cached_property
    def unit(self) -> float:
        """What distances beyond the ends are counted in, so that their sums are exact: a 65 536th of the deviation."""
        return max(self.std, 0.001) / 65536


@dataclass(frozen=True, eq=False)
class Distribution:
    """What a sketch holds of one feature.

    counts: as the reference's. below, above: by how much values in the outermost cells are beyond the first and the
    last edge, summed. minimum, maximum: of a number, None where no row holds one.
    """

    reference: FeatureReference
    counts: Counts
    missing: int = 0
    below: float = 0.0
    above: float = 0.0
    minimum: float | None = None
    maximum: float | None = None

    @cached_property
    def rows(self) -> int:
        """Rows that hold a value."""
        return int(self.counts.sum())

    @cached_property
    def steps(self) -> FloatVector:
        """The share of rows up to the end of each cell."""
        return _steps(self.counts)

    @cached_property
    def shares(self) -> tuple[FloatVector, FloatVector]:
        """`models.drift.histogram.shares`, which several tests read."""
        return shares(self)


@dataclass(frozen=True, slots=True)
class Measured:
    """distance: 0 for the same distribution. p_value: None of what is no test but a distance alone."""

    distance: float
    p_value: float | None = None


class DriftTest(Protocol):
    """One way to compare a window with the reference; a class for each, in `models.drift.TESTS`.

    kinds: which features it can compare. threshold: the distance from which on it says drift where it is chosen to
    decide; None for one that decides by its p-value.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[Kind, ...]]
    threshold: ClassVar[float | None]

    def measure(self, current: Distribution) -> Measured:
        """How far the current rows are from the reference's, in finite numbers; both hold at least one value."""
        ...


def _steps(counts: Counts) -> FloatVector:
    found: FloatVector = np.cumsum(counts) / counts.sum()
    return found
