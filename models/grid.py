"""The cells in which a number is counted: made once, from the training data, for every sketch of a model version.

A sketch on fixed cells merges by addition: the same rows give the same counts in whatever parts and order they came,
and after a restart. Randomised sketches (KLL, t-digest) give other numbers each time. The price is that where a value
lies within its cell is not known, see `rank_error`.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

CELLS = 128
"""Most cells of one feature, those below its minimum and above its maximum apart."""
_STEPS = 32
"""Cells of equal width: where rows are rare those of equal rank are wide, and a distance that reads widths is off."""
_RANKS = (128, 112, 96, 80, 64, 48, 32)
"""Cells of equal rank; fewer where single values that many rows share take cells of their own."""


def grid(values: Floats, whole: bool) -> tuple[Floats, Counts]:
    """Rising edges [k] and the rows between them [k-1] of finite numbers, at least one: `edges[i] < x <= edges[i+1]`.

    The last edge is the maximum, the first lies right below the minimum. Where they have room every distinct value has
    a cell of its own, and so has what lies between two of them. whole: of integers.
    """
    distinct, times = np.unique(values, return_counts=True)
    edges = np.union1d(below(distinct, whole), distinct)
    for ranks in _RANKS:
        if len(edges) <= CELLS + 1:
            break
        edges = _edges(distinct, times, whole, ranks)
    cells = np.searchsorted(edges, values, side="left")
    return edges, np.bincount(cells, minlength=len(edges))[1:].astype(np.int64)


def below(values: Floats, whole: bool) -> Floats:
    """The largest numbers that are less, of integers the next lower one."""
    lower = np.nextafter(values, np.float32(-np.inf))
    return np.minimum(lower, values - 1) if whole else lower


def rank_error(edges: Floats, counts: Counts, whole: bool) -> float:
    """The largest share of the reference's rows whose order the grid does not know: those of one cell.

    A Kolmogorov-Smirnov statistic on the grid is at most this much below the exact one, and never above it.
    """
    single = edges[:-1] >= below(edges[1:], whole)
    return float(np.where(single, 0, counts).max(initial=0) / max(int(counts.sum()), 1))


def _edges(distinct: Floats, times: Counts, whole: bool, ranks: int) -> Floats:
    rows = int(times.sum())
    at = np.searchsorted(np.cumsum(times), np.ceil(np.arange(1, ranks) * rows / ranks))
    alone = distinct[np.unique(at[times[at] * ranks > rows])]
    low, high = distinct[0], distinct[-1]
    steps = np.linspace(low, high, _STEPS + 1, dtype=np.float64)[1:-1].astype(np.float32)
    steps = np.floor(steps) if whole else steps
    ends = np.array([low, high], dtype=np.float32)
    edges: Floats = np.unique(np.concatenate([ends, distinct[at], below(alone, whole), steps, below(ends[:1], whole)]))
    return edges
