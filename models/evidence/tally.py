"""What was counted of an arm: sums alone, so that one query of a store or one pass over a topic gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from models.routing.base import Measure


@dataclass(frozen=True, slots=True)
class Pairs:
    """Sums over what the champion and a candidate both had to do with: the same requests, or the same labelled rows.

    champion, candidate: of what each did, in 0..1 (1 for an error, for a slow answer; a loss). squares: of their
    differences' squares; of errors and slow answers that is how many only one of the two had.
    """

    count: int
    champion: float
    candidate: float
    squares: float

    def __post_init__(self) -> None:
        _check(self, "count")
        _check(self, "champion", "candidate", "squares", within="count")


@dataclass(frozen=True, slots=True)
class ArmTally:
    """What an arm did since its plan was set; all zero for one that had nothing to do.

    served: requests that it answered to their callers. evaluated: copies that it tried. compared: those of them that
    both it and the champion answered with a label. disagreements: those of the compared where it said anything else in
    some row; flips: rows with another label. errors, slow: of served and evaluated. labels: rows whose truth is known;
    loss: the sum of their losses in 0..1, as Brier's. entities: distinct ones among the served, under the weights as
    they are now. pairs: where each request went through both, a candidate's sums beside the champion's.
    """

    arm: str
    version: str
    served: int = 0
    evaluated: int = 0
    compared: int = 0
    entities: int = 0
    errors: int = 0
    slow: int = 0
    labels: int = 0
    loss: float = 0.0
    disagreements: int = 0
    flips: int = 0
    pairs: Mapping[Measure, Pairs] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, "served", "evaluated", "compared", "entities", "labels", "flips")
        _check(self, "errors", "slow", within="requests")
        _check(self, "compared", within="evaluated")
        _check(self, "disagreements", within="compared")
        _check(self, "loss", within="labels")

    @property
    def requests(self) -> int:
        return self.served + self.evaluated

    @property
    def error_ratio(self) -> float:
        return ratio(self.errors, self.requests)

    def sums(self, measure: Measure) -> tuple[int, float]:
        """How many it was measured on, and the sum."""
        found: dict[Measure, tuple[int, float]] = {
            "errors": (self.requests, self.errors),
            "slow": (self.requests, self.slow),
            "disagreement": (self.compared, self.disagreements),
            "loss": (self.labels, self.loss),
        }
        return found[measure]


def ratio(total: float, count: int) -> float:
    """The mean, 0 of nothing."""
    return total / count if count else 0.0


def _check(counted: object, *names: str, within: str | None = None) -> None:
    """Raises ValueError naming the first field that is below 0, no number, or more than what it is a part of."""
    for name in names:
        value = getattr(counted, name)
        if not (isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be 0 or more, not {value}")
        # A sum of many losses of 1 may pass their number in its last bits.
        if within is not None and value > (whole := getattr(counted, within)) * (1 + 1e-9):
            raise ValueError(f"{name} must be at most {within}, {whole}, not {value}")
