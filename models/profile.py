"""What the training data looked like, feature by feature: the reference that drift is measured against."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.signature import Feature, Signature

BINS = 10
UNBOUNDED = 100.0

Profile = Mapping[str, Mapping[str, Any]]


def reference_profile(signature: Signature, matrix: npt.NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    """feature -> its distribution over an encoded matrix [n, n_features], as plain data.

    Numbers: `edges` (inner quantile edges, strictly rising), `counts` (one more; bin i holds
    edges[i-1] < x <= edges[i]), `mean`, `std`, `minimum`, `maximum`, `missing`. Texts: `counts` by category,
    `unseen`, `missing`. Signatures demand every field, so `missing` is 0 today.
    """
    columns = zip(signature.features, matrix.T.astype(np.float64), strict=True)
    return {feature.name: _profile(feature, column) for feature, column in columns}


def typical_rows(signature: Signature, profile: Profile | None, rows: int = 16) -> npt.NDArray[np.float32]:
    """Made-up rows [rows, n_features] spread over each feature's range: what a fresh bundle is tried on.

    profile: None where the training data is not known; the bounds are the range then.
    """
    steps = np.linspace(0.0, 1.0, rows)
    matrix = np.empty((rows, len(signature.features)), dtype=np.float32)
    for i, feature in enumerate(signature.features):
        if feature.type == "str" and profile is not None:
            matrix[:, i] = (np.arange(rows) * (i + 1)) % (len(feature.categories) + 1)
        else:
            knots = _bounds(feature) if profile is None else _seen(profile[feature.name])
            values = np.interp(np.roll(steps, 3 * i), np.linspace(0.0, 1.0, len(knots)), knots)
            matrix[:, i] = values if feature.type == "float" else np.round(values)
    return matrix


def _seen(known: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    return np.array([known["minimum"], *known["edges"], known["maximum"]], dtype=np.float64)


def _bounds(feature: Feature) -> npt.NDArray[np.float64]:
    """From bound to bound, or code to code; `UNBOUNDED` away from the other one, or from 0, where there is none."""
    if feature.type == "str":
        return np.array([0.0, len(feature.categories)])
    low, high = feature.low, feature.high
    if feature.minimum is None:
        low = max(low, min(0.0, high - UNBOUNDED))
    if feature.maximum is None:
        high = min(high, max(low, 0.0) + UNBOUNDED)
    inside = (np.ceil(low), np.floor(high)) if feature.type == "int" else (low, high)
    return np.array(inside, dtype=np.float64)


def _profile(feature: Feature, column: npt.NDArray[np.float64]) -> dict[str, Any]:
    if feature.type == "str":
        counts = np.bincount(column.astype(np.intp), minlength=len(feature.categories) + 1).tolist()
        named = dict(zip(feature.categories, counts[1:], strict=True))
        return {"counts": named, "unseen": counts[0], "missing": 0}
    edges = np.unique(np.quantile(column, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, column, side="left"), minlength=len(edges) + 1)
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "mean": float(column.mean()),
        "std": float(column.std()),
        "minimum": float(column.min()),
        "maximum": float(column.max()),
        "missing": 0,
    }
