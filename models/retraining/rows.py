"""Labelled predictions as a training set: their digest, and their parts by time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd

from models.features import encode
from models.signature import Signature
from models.tabular import rows_of
from models.training import LEAST_ROWS, Matrix, Numbers, Parts, Truth, encoded
from schemas.errors import InvalidRequest

VALIDATION, HELD_OUT = 0.2, 0.2
"""Shares of the rows: the latest are held out, those before them choose calibration and threshold."""
MOVED = 0.02
LEAST_OF_CLASS = 10
"""Rows of either class in each part: fewer tell nothing of it."""


@dataclass(frozen=True)
class LabelledRows:
    """What was asked and what was true, oldest first.

    frame: features as they were scored, [n]. truth: 0 or 1, [n]. scored_ms: epoch milliseconds, [n], never falling.
    query: what they were asked by. Raises InvalidRequest for parts that do not belong together.
    """

    frame: pd.DataFrame
    truth: Truth
    scored_ms: npt.NDArray[np.int64]
    query: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not len(self.frame) == len(self.truth) == len(self.scored_ms):
            raise InvalidRequest("features, truth and times are not of the same rows: read them together")
        if (np.diff(self.scored_ms) < 0).any():
            raise InvalidRequest("the rows are not in the order of their times: sort them by it")

    def __len__(self) -> int:
        return len(self.truth)

    def part(self, rows: int) -> "LabelledRows":
        """The first ones."""
        return LabelledRows(self.frame.iloc[:rows], self.truth[:rows], self.scored_ms[:rows], self.query)

    @property
    def window(self) -> tuple[datetime, datetime]:
        """When the first and the last of them were scored. Raises InvalidRequest without any."""
        if not len(self):
            raise InvalidRequest("no labelled rows: wait for labels, or look further back")
        return moment(self.scored_ms[0]), moment(self.scored_ms[-1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every row, whatever the order of its columns."""
        seen = hashlib.sha256()
        columns = sorted(map(str, self.frame.columns))
        values = [self.frame[name].tolist() for name in columns]
        seen.update(orjson.dumps(columns))
        for row in zip(self.scored_ms.tolist(), self.truth.tolist(), *values, strict=True):
            seen.update(orjson.dumps(row))
        return seen.hexdigest()

    def source(self) -> dict[str, Any]:
        """What a bundle says of the rows that it was made of."""
        first, last = self.window
        times = {"first": first.isoformat(), "last": last.isoformat()}
        return {"query": dict(self.query), "rows": len(self), "digest": self.digest, **times}


def fitting(frame: pd.DataFrame, signature: Signature) -> tuple[Numbers, Matrix]:
    """The numbers of the rows that keep to the signature, and these encoded.

    Others were answered by a version with another one, and are no reason to learn nothing until they are too old.
    Raises InvalidRequest where they are the most, or too few are left.
    """
    found = encode(signature, rows_of(frame, signature))
    places = np.array([place for place in range(len(frame)) if place not in found.errors], dtype=np.intp)
    if len(places) < max(LEAST_ROWS, len(frame) / 2):
        encoded(frame, signature)  # which tells why
    return places, found.matrix[places]


def by_time(truth: Truth, scored_ms: npt.NDArray[np.int64]) -> Parts:
    """Three fifths to learn from, a fifth after them to choose on, and the latest fifth to be measured on.

    Rows of one millisecond are in one part, unless that moved its end by more than MOVED of all rows: what was asked at
    once is scored at once. Raises InvalidRequest where a part has fewer than LEAST_OF_CLASS rows of a class.
    """
    rows = len(truth)
    first = _end(scored_ms, round(rows * (1 - HELD_OUT - VALIDATION)))
    second = _end(scored_ms, round(rows * (1 - HELD_OUT)))
    numbers = np.arange(rows)
    parts = Parts(numbers[:first], numbers[first:second], numbers[second:])
    for name, part in parts._asdict().items():
        refuse_one_sided(name, truth[part])
    return parts


def _end(scored_ms: npt.NDArray[np.int64], place: int) -> int:
    """The nearest place to this one between two milliseconds, or else itself."""
    if place >= len(scored_ms):
        return len(scored_ms)
    sides = [int(np.searchsorted(scored_ms, scored_ms[place], side)) for side in ("left", "right")]
    nearest = min(sides, key=lambda side: abs(side - place))
    return nearest if abs(nearest - place) <= MOVED * len(scored_ms) else place


def refuse_one_sided(name: str, truth: Numbers) -> None:
    """Raises InvalidRequest where the part has fewer than LEAST_OF_CLASS rows of a class."""
    counts = np.bincount(truth, minlength=2)
    if counts.min() < LEAST_OF_CLASS:
        raise InvalidRequest(
            f"of the {len(truth)} rows for {name.replace('_', ' ')} {counts[1]} have the label 1 and {counts[0]} "
            f"the label 0: each part, by time, needs {LEAST_OF_CLASS} of both; "
            "wait for more labels, or look further back"
        )


def moment(epoch_ms: int | np.int64) -> datetime:
    return datetime.fromtimestamp(int(epoch_ms) / 1000, UTC)
