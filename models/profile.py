"""What the training data looked like, feature by feature: the reference that drift is measured against."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.grid import grid
from models.signature import Feature, FloatVector, Signature

BINS = 10
UNBOUNDED = 100.0
ANSWERS = ""
"""Where a profile holds the model's answers: under the one name that no feature can have."""

Profile = Mapping[str, Mapping[str, Any]]


def reference_profile(
    signature: Signature, matrix: npt.NDArray[np.float32], scores: FloatVector | None = None
) -> dict[str, dict[str, Any]]:
    """feature -> its distribution over an encoded matrix [n, n_features], as plain data.

    Numbers: `edges` (inner quantile edges, strictly rising), `counts` (one more; bin i holds
    edges[i-1] < x <= edges[i]), `mean`, `std`, `minimum`, `maximum`, `missing`, `distinct`, and `grid`, the cells that
    drift is measured on (`models.grid`; older manifests have none). Texts: `counts` by category, `unseen`, `missing`.
    Signatures demand every field, so `missing` is 0 today. scores: the model's, of rows that it was not fitted on, as
    it is surer of those than of any others; under ANSWERS then.
    """
    columns = zip(signature.features, matrix.T, strict=True)
    profile = {feature.name: _profile(feature, column) for feature, column in columns}
    if scores is not None:
        profile[ANSWERS] = _profile(answer_feature(signature), answer_column(signature, scores))
    return profile


def answer_feature(signature: Signature) -> Feature:
    """The model's answer as if it were a feature, under the name that results have for it.

    The probability of the positive class of two, the class that is answered of several, the value of a regression.
    """
    if signature.task == "binary":
        return Feature(f"{signature.target}_probability", "float", 0.0, 1.0)
    if signature.task == "regression":
        return Feature(f"{signature.target}_value", "float")
    names = tuple(map(str, signature.classes))
    return Feature("label", "str", categories=names if len(set(names)) == len(names) else _quoted(signature))


def answer_column(signature: Signature, scores: FloatVector) -> npt.NDArray[np.float32]:
    """Answers as a column beside an encoded matrix, [n]: numbers, or codes from 1 on of several classes.

    scores: as `models.tasks.scores_of` makes them. NaN stays NaN.
    """
    with np.errstate(over="ignore"):
        if signature.task != "multiclass":
            return scores.astype(np.float32)
        holes = np.isnan(scores).any(axis=1)
        return np.where(holes, np.nan, scores.argmax(axis=1) + 1).astype(np.float32)


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


def _quoted(signature: Signature) -> tuple[str, ...]:
    return tuple(map(repr, signature.classes))


def _profile(feature: Feature, column: npt.NDArray[np.float32]) -> dict[str, Any]:
    values = column[~np.isnan(column)]
    missing = len(column) - len(values)
    if feature.type == "str":
        counts = np.bincount(values.astype(np.intp), minlength=len(feature.categories) + 1).tolist()
        named = dict(zip(feature.categories, counts[1:], strict=True))
        return {"counts": named, "unseen": counts[0], "missing": missing}
    known = values if len(values) else np.zeros(1, dtype=np.float32)
    distinct = len(np.unique(values))
    return _moments(known) | {"missing": missing, "distinct": distinct, "grid": _grid(known, feature.type == "int")}


def _moments(values: npt.NDArray[np.float32]) -> dict[str, Any]:
    column = values.astype(np.float64)
    edges = np.unique(np.quantile(column, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, column, side="left"), minlength=len(edges) + 1)
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "mean": float(column.mean()),
        "std": float(column.std()),
        "minimum": float(column.min()),
        "maximum": float(column.max()),
    }


def _grid(values: npt.NDArray[np.float32], whole: bool) -> dict[str, Any]:
    """Edges in as few digits as tell a float32 from its neighbours."""
    edges, counts = grid(values, whole)
    return {"edges": [float(str(edge)) for edge in edges], "counts": counts.tolist()}
