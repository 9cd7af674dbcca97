"""Values that training did not have: more missing ones, unseen categories, numbers out of range."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from scipy.special import betainc

from models.drift.base import Distribution
from models.grid import Counts

Strange = Literal["missing", "unseen", "out_of_range"]

_MANY = 100
"""Categories of a text that are its most frequent ones where there are unseen ones in training too: all that
`models.tabular` tells apart."""


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
        share = int(known[0]) / before if before else 0.0
        yield Rate("unseen", share, unseen / now, _chance(_likely_unseen(known), before, unseen, now))
    elif reference.rows:
        outside = int(current.counts[0] + current.counts[-1])
        # As many lie beyond both ends together as beyond the second largest row of the reference: above it lies one.
        yield Rate("out_of_range", 0.0, outside / now, _chance(1, before, outside, now))


def _likely_unseen(counts: Counts) -> int:
    """At least about as many rows as are unseen in another sample of the same size as the reference.

    Those of categories that the reference had once or twice, or of the most frequent ones the least: others are as
    frequent, and had a row less. Source: Good, "The population frequencies of species" (1953), who counts those seen
    once, whose number is itself uncertain.
    """
    unseen, known = int(counts[0]), counts[1:][counts[1:] > 0]
    least = int(known.min(initial=2**53)) if unseen and len(known) >= _MANY else 1
    return unseen + int(known[known <= least + 1].sum())


def _rate(kind: Strange, few: int, before: int, many: int, now: int) -> Rate:
    return Rate(kind, few / before if before else 0.0, many / now, _chance(few, before, many, now))


def _chance(few: int, before: int, many: int, now: int) -> float:
    """Of all that there are, how many lie in the window is binomial without a change.

    Source: Przyborowski, Wilenski, "Homogeneity of results in testing samples from Poisson series" (1940); above
    Fisher's exact p-value.
    """
    return float(betainc(many, few + 1, now / (before + now))) if many else 1.0
