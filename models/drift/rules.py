"""What counts as drift, and from when to when an episode of it lasts."""

from dataclasses import dataclass
from math import isfinite

from models.drift.base import Kind
from models.drift.correction import correction
from models.drift.measures import drift_test


@dataclass(frozen=True, slots=True)
class Rules:
    """Raises InvalidRequest for a name that is not known, ValueError for a number out of range.

    window_rows: fewer are not tested. alpha: the risk that a window without drift has any alarm (of a test that decides
    by its p-value; `correction` shares it out). numbers, categories: the test that decides; a distance decides by
    `distance`, or where that is None by its own threshold.
    least_effect: the share of rows that must have moved for significance to count: with 0.1 a window of any size
    takes some 0.25 deviations of a normal feature's mean. Large windows find shifts that nobody would act on.
    least_rate, schema_alpha: how much missing, unseen or out-of-range values must have risen, and the risk, beside
    alpha, that this is chance; few rows tell that something is broken upstream, so they need no `least_effect`.
    close_ratio: calm is what is below this part of `least_effect` or of the distance, or of a p-value above alpha.
    open_after, close_after: how many windows in a row must have drifted, or be calm. worse_by: more rows that must have
    moved for an episode to be worse.
    """

    window_rows: int = 1000
    alpha: float = 0.05
    correction: str = "bonferroni"
    numbers: str = "ks"
    categories: str = "chi_square"
    distance: float | None = None
    least_effect: float = 0.1
    least_rate: float = 0.01
    schema_alpha: float = 0.001
    close_ratio: float = 0.5
    open_after: int = 1
    close_after: int = 2
    worse_by: float = 0.1

    def __post_init__(self) -> None:
        correction(self.correction)
        drift_test(self.numbers, "number")
        drift_test(self.categories, "category")
        for name in ("window_rows", "open_after", "close_after"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("alpha", "schema_alpha", "least_rate", "worse_by"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be above 0 and below 1, not {getattr(self, name)}")
        for name in ("least_effect", "close_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {getattr(self, name)}")
        if self.distance is not None and not (isfinite(self.distance) and self.distance > 0):
            raise ValueError(f"distance must be above 0, not {self.distance}")

    def deciding(self, kind: Kind) -> str:
        """The name of the test that decides about such a feature."""
        return self.numbers if kind == "number" else self.categories
