"""Answers of which is known only how many lay between which scores."""

import numpy as np

from models import grid
from models.quality.binary import cell_of
from models.quality.estimate import Answered
from models.quality.measures import UNIT
from models.signature import FloatVector


def answered_between(
    edges: FloatVector, counts: FloatVector, threshold: float, below: float = 0.0, above: float = 0.0
) -> Answered:
    """Rows as `estimate` takes them. The positive class was answered from the threshold on.

    counts: [k + 1] rows beside rising edges [k] of float32, `edges[i-1] < score <= edges[i]`, spread evenly in between:
    a row's score is off by half of its cell's width at most, and not at all where the cell holds one value. below,
    above: by how much scores lie beyond the ends, summed.
    """
    low, high = edges[:-1].astype(np.float64), edges[1:].astype(np.float64)
    inner = counts[1:-1].astype(np.float64)
    share = np.clip((high - threshold) / np.maximum(high - low, UNIT), 0.0, 1.0)
    alone = grid.below(edges[1:].astype(np.float32), whole=False) <= low
    yes = np.rint(inner * np.where(alone, high >= np.float32(threshold), share))
    ends = np.array([edges[0] - below / max(counts[0], 1), edges[-1] + above / max(counts[-1], 1)], dtype=np.float64)
    found = Answered()
    parts = (
        (1, yes, (np.maximum(low, np.minimum(threshold, high)) + high) / 2),
        (0, inner - yes, (low + np.minimum(high, np.maximum(threshold, low))) / 2),
        *((int(mean >= threshold), counts[[at]], np.array([mean])) for at, mean in zip((0, -1), ends, strict=True)),
    )
    for answer, rows, means in parts:
        scores = np.clip(means, 0.0, 1.0)
        np.add.at(found.cells[answer], cell_of(scores), rows.astype(np.int64))
        np.add.at(found.scores[answer], cell_of(scores), np.rint(rows * scores / UNIT).astype(np.int64))
    return found
