"""The histogram of a feature as people look at it: few bins, both samples side by side."""

from collections.abc import Iterator, Sequence

import numpy as np

from models.drift.base import Distribution
from models.grid import Counts
from schemas.drift_events import Bin
from schemas.drift_windows import Bins

MOST_BINS = 10
MOST_CATEGORIES = 100
MOST_LABELS = 12
MOST_CHARACTERS = 24
"""Of a label where there are few bins."""


def bins(current: Distribution) -> tuple[Bin, ...]:
    """Of a number up to 10 of about as many rows of the reference, and what lies outside; of a text its categories.

    Of very many categories the most frequent, and one without a label of all others: an event has to fit into a record.
    """
    if current.reference.kind == "number":
        return tuple(_numbers(current))
    *categories, unseen = _categories(current)
    if len(categories) <= MOST_CATEGORIES:
        return (*categories, unseen)
    shown, others = _most_frequent(categories, current, MOST_CATEGORIES)
    return (*shown, others, unseen)


def few_bins(current: Distribution) -> Bins | None:
    """The same in little space, however many categories there are; None where the reference holds no rows."""
    reference = current.reference
    if not reference.rows:
        return None
    if reference.kind == "number":
        found = bins(current)
        return Bins(*_counted(found), edges=tuple(piece.high for piece in found if piece.high is not None))
    *categories, unseen = _categories(current)
    shown, others = _most_frequent(categories, current, MOST_LABELS)
    labels = tuple((piece.label or "")[:MOST_CHARACTERS] for piece in shown)
    return Bins(*_counted([*shown, others, unseen]), labels=labels)


def _most_frequent(categories: Sequence[Bin], current: Distribution, most: int) -> tuple[list[Bin], Bin]:
    """Those with the largest share in either sample, in the order that they have, and all others in one."""
    ratio = max(current.rows, 1) / max(current.reference.rows, 1)
    weights = [-max(piece.reference * ratio, piece.current) for piece in categories]
    kept = sorted(np.argsort(weights, kind="stable")[:most].tolist())
    shown = [categories[i] for i in kept]
    before, now = (sum(column) for column in _counted(categories))
    known, seen = (sum(column) for column in _counted(shown))
    return shown, Bin("category", before - known, now - seen)


def _counted(pieces: Sequence[Bin]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(piece.reference for piece in pieces), tuple(piece.current for piece in pieces)


def _categories(current: Distribution) -> Iterator[Bin]:
    reference = current.reference
    counts = list(zip(reference.counts.tolist(), current.counts.tolist(), strict=True))
    for label, (before, now) in zip(reference.categories, counts[1:], strict=True):
        yield Bin("category", before, now, label=label)
    yield Bin("unseen", *counts[0])


def _numbers(current: Distribution) -> Iterator[Bin]:
    reference = current.reference
    edges = [float(str(edge)) for edge in reference.edges]
    before, now = reference.counts.tolist(), current.counts.tolist()
    yield Bin("below", before[0], now[0], high=edges[0])
    starts = _starts(reference.counts[1:-1])
    for start, end in zip(starts, [*starts[1:], len(edges) - 1], strict=True):
        inside = slice(start + 1, end + 1)
        yield Bin("within", sum(before[inside]), sum(now[inside]), edges[start], edges[end])
    yield Bin("above", before[-1], now[-1], low=edges[-1])


def _starts(counts: Counts) -> list[int]:
    """The first cell of each bin: cells go to the tenth of the reference in which their rows' middle lies."""
    rows = int(counts.sum())
    if not rows:
        return []
    tenth = ((np.cumsum(counts) - counts / 2) * MOST_BINS / rows).astype(np.intp)
    return [0, *(np.flatnonzero(np.diff(tenth)) + 1).tolist()]
