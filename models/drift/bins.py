"""The histogram of a feature as people look at it: few bins, both samples side by side."""

from collections.abc import Iterator, Sequence

import numpy as np

from models.drift.base import Distribution
from models.grid import Counts
from schemas.drift_events import Bin
from schemas.drift_windows import Bins

MOST_BINS = 10
MOST_LABELS = 12
MOST_CHARACTERS = 24
"""Of a label where there are few bins."""


def bins(current: Distribution) -> tuple[Bin, ...]:
    """Of a number up to 10 of about as many rows of the reference, and what lies outside; of a text its categories."""
    found = _numbers(current) if current.reference.kind == "number" else _categories(current)
    return tuple(found)


def few_bins(current: Distribution) -> Bins | None:
    """The same in little space, however many categories there are; None where the reference holds no rows."""
    reference = current.reference
    if not reference.rows:
        return None
    found = bins(current)
    if reference.kind == "number":
        return Bins(*_counted(found), edges=tuple(piece.high for piece in found if piece.high is not None))
    *categories, unseen = found
    shown = _most_frequent(categories, max(current.rows, 1) / reference.rows)
    others = [piece for piece in categories if piece not in shown]
    other = Bin("category", sum(one.reference for one in others), sum(one.current for one in others))
    labels = tuple((piece.label or "")[:MOST_CHARACTERS] for piece in shown)
    return Bins(*_counted([*shown, other, unseen]), labels=labels)


def _most_frequent(categories: Sequence[Bin], ratio: float) -> list[Bin]:
    """Those with the largest share in either sample, in the order that they have."""
    shares = sorted((max(piece.reference * ratio, piece.current) for piece in categories), reverse=True)
    least = shares[min(MOST_LABELS, len(shares)) - 1]
    return [piece for piece in categories if max(piece.reference * ratio, piece.current) >= least][:MOST_LABELS]


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
