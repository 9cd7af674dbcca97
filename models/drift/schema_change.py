"""Values that training did not have: more missing ones, unseen categories, numbers out of range."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from scipy.special import betainc

from models.drift.base import Distribution

Strange = Literal["missing", "unseen", "out_of_range"]

_RARE = 2
"""Rows of categories that training saw so often at most: another sample has about as many rows of those that training
did not see, or fewer. Source: Good, "The population frequencies of species" (1953), who counts those seen once, whose
number is itself uncertain."""


@dataclass(frozen=True, slots=True)
class Rate:
    """reference, current: shares of all rows. p_value: that such a rise is chance."""

    kind: Strange
    reference: float
    current: float
    p_value: float

    @property
    def risen(self) -> float:
        return self.current - self.reference


def rates(current: Distribution) -> tuple[Rate, ...]:
    """Those that a feature of this kind can have; none where the window has no rows."""
    return tuple(_rates(current)) if current.rows + current.missing else ()


def _rates(current: Distribution) -> Iterator[Rate]:
    reference = current.reference
    before, now = reference.rows + reference.missing, current.rows + current.missing
    yield _rate("missing", reference.missing, before, current.missing, now)
    if reference.kind == "category":
        unseen, known = int(current.counts[0]), reference.counts
        likely = int(known[0] + known[1:][known[1:] <= _RARE].sum())
        share = int(known[0]) / before if before else 0.0
        yield Rate("unseen", share, unseen / now, _chance(likely, before, unseen, now))
    elif reference.rows:
        outside = int(current.counts[0] + current.counts[-1])
        # As many lie beyond both ends together as beyond the second largest row of the reference: above it lies one.
        yield Rate("out_of_range", 0.0, outside / now, _chance(1, before, outside, now))


def _rate(kind: Strange, few: int, before: int, many: int, now: int) -> Rate:
    return Rate(kind, few / before if before else 0.0, many / now, _chance(few, before, many, now))


def _chance(few: int, before: int, many: int, now: int) -> float:
    """Of all that there are, how many lie in the window is binomial without a change.

    Source: Przyborowski, Wilenski, "Homogeneity of results in testing samples from Poisson series" (1940); above
    Fisher's exact p-value.
    """
    return float(betainc(many, few + 1, now / (before + now))) if many else 1.0
