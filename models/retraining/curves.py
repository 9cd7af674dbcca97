"""The pictures' lines: how a model ranks, and how right its probabilities are."""

from dataclasses import dataclass

import numpy as np

from models.signature import FloatVector
from models.training import Truth

POINTS = 100
BINS = 10


@dataclass(frozen=True)
class Curves:
    """Points of both.

    roc: (false positive rate, true positive rate), rising. reliability: (mean score, share that was true, rows).
    """

    roc: tuple[tuple[float, float], ...]
    reliability: tuple[tuple[float, float, int], ...]


def curves(truth: Truth, scores: FloatVector) -> Curves:
    """truth: 0 or 1, both there, [n]. scores: [n]. Bins hold about as many rows each; equal scores are in one."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(truth, scores)
    places = np.unique(np.linspace(0, len(false) - 1, POINTS).round().astype(int))
    roc = tuple(zip(false[places].tolist(), true[places].tolist(), strict=True))
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, scores, side="left")
    counts = np.bincount(bins, minlength=len(edges) + 1)
    full = np.flatnonzero(counts)
    means = np.bincount(bins, scores, len(counts))[full] / counts[full]
    shares = np.bincount(bins, truth, len(counts))[full] / counts[full]
    return Curves(roc, tuple(zip(means.tolist(), shares.tolist(), counts[full].tolist(), strict=True)))
