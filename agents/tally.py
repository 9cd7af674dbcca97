"""What a candidate did with the requests that one version had answered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from models.quantiles import Quantiles
from schemas.errors import FieldError

MOST_FIELDS, LONGEST_NAME = 100, 128
OTHERS = "..."


@dataclass
class RefusedField:
    """How many rows break a feature's demands, and how the first of them did."""

    rows: int
    reason: str


@dataclass
class Tally:
    """Counts of requests and of rows.

    unanswered: requests that the candidate has no answer to, for a row that its signature refuses (`refused`), an
    answer that is no number (`not_a_number`) or an error of the model (`failed`, all rows of the request). compared:
    rows of the others. labelled: rows with a class from both. incomparable: rows whose scores are of other classes.
    differences: between the scores of the rest.
    """

    requests: int = 0
    unanswered: int = 0
    rows: int = 0
    refused: int = 0
    not_a_number: int = 0
    failed: int = 0
    compared: int = 0
    labelled: int = 0
    flips: int = 0
    incomparable: int = 0
    fields: dict[str, RefusedField] = field(default_factory=dict)
    differences: Quantiles = field(default_factory=Quantiles)

    def refuse(self, errors: Iterable[FieldError]) -> None:
        """Count a row that is refused for these fields."""
        self.refused += 1
        for error in errors:
            self._refuse(error.field[:LONGEST_NAME], 1, error.reason)

    def _refuse(self, name: str, rows: int, reason: str) -> None:
        if name not in self.fields and len(self.fields) >= MOST_FIELDS:
            name, reason = OTHERS, "further fields"
        self.fields.setdefault(name, RefusedField(0, reason)).rows += rows

    def merge(self, other: "Tally") -> None:
        """Count what the other has counted."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, refused in other.fields.items():
            self._refuse(name, refused.rows, refused.reason)
        self.differences.merge(other.differences)

    def as_json(self) -> dict[str, Any]:
        """Ratio and differences are null where there is nothing that they could be of."""
        found = self.differences
        difference = {"mean": found.mean, "max": found.largest, **found.summary(99)} if found.count else None
        return {
            **{name: getattr(self, name) for name in _COUNTS},
            "flip_ratio": self.flips / self.labelled if self.labelled else None,
            "difference": difference,
            "fields": {name: {"rows": one.rows, "reason": one.reason} for name, one in self.fields.items()},
        }


_COUNTS = (
    "requests", "unanswered", "rows", "refused", "not_a_number", "failed", "compared", "labelled", "flips",
    "incomparable",
)  # fmt: skip
