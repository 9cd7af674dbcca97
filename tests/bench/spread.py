"""Repeats in three numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the repeats, and the least and the most of them."""

    median: float
    least: float
    most: float

    def as_json(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))
