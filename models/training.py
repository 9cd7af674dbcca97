"""Train a binary classifier on a data frame and give back the files of its bundle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version as installed
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import calibration, outliers
from models.base import Scorer
from models.bundle import derived_version, write_bundle
from models.features import encode
from models.importance import importance
from models.manifest import Manifest, Training, check_name
from models.metrics import best_threshold, quality
from models.onnx import load
from models.pipelines import DEFAULT_ALGORITHM, build, convert
from models.profile import reference_profile, typical_rows
from models.signature import Signature
from models.tabular import rows_of, truth_of
from schemas.errors import InvalidRequest

STEPS = ("encode", "split", "fit", "convert", "evaluate", "outliers", "seal")
LEAST_ROWS = 50

_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx")

Matrix = npt.NDArray[np.float32]
Truth = npt.NDArray[np.intp]
Numbers = npt.NDArray[np.intp]


class Parts(NamedTuple):
    """Row numbers.

    fitting: what a model learns from. validation: what its threshold is chosen on. held_out: what it is measured on.
    """

    fitting: Numbers
    validation: Numbers
    held_out: Numbers


@dataclass(frozen=True)
class Recipe:
    """How a bundle is made.

    version: derived from trained_at and the graph unless given, and where there is a source from all of the bundle.
    wanted: the outlier detector. calibrate: whether probabilities are put right on the validation rows. source: of the
    rows, see `models.manifest.Training`.
    """

    signature: Signature
    name: str
    trained_at: datetime
    algorithm: str = DEFAULT_ALGORITHM
    seed: int = 0
    version: str | None = None
    window: tuple[datetime, datetime] | None = None
    wanted: outliers.Order = outliers.DEFAULT
    calibrate: bool = False
    source: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Fitted:
    """A model that learned so many rows, and what it is worth. metrics: `models.metrics.quality` at the threshold."""

    graph: bytes
    threshold: float
    metrics: Mapping[str, float]
    rows: int


def train(
    frame: pd.DataFrame,
    label: str,
    *,
    progress: Callable[[str], None] = lambda step: None,
    **recipe: Any,
) -> dict[str, bytes]:
    """Fit on 60 % of the rows, choose the threshold for F1 on 20 %, measure on the last 20 %.

    recipe: as `Recipe` takes it. Same arguments and library versions give the same bytes. progress: called with each of
    STEPS as it begins. Raises InvalidRequest for unusable data.
    """
    made = Recipe(**recipe)
    check_name(made.name)
    progress("encode")
    truth = np.array(truth_of(frame, label, made.signature), dtype=np.intp)
    matrix = encoded(frame, made.signature)
    progress("split")
    return bundled(made, matrix, truth, _split(truth, made.seed), progress)


def bundled(
    recipe: Recipe, matrix: Matrix, truth: Truth, parts: Parts, progress: Callable[[str], None] = lambda step: None
) -> dict[str, bytes]:
    """The files of a bundle that learned these rows: matrix encoded, [n, n_features], truth 0 or 1, [n].

    progress: called with each of STEPS from `fit` on.
    """
    validation, held_out = parts.validation, parts.held_out
    graph = _graph(recipe, matrix, truth, parts, progress)
    progress("evaluate")
    scorer = load(graph, recipe.signature)
    threshold = best_threshold(truth[validation], scorer.score(matrix[validation]))
    metrics = quality(truth[held_out], scorer.score(matrix[held_out]), threshold)
    fitted = Fitted(graph, threshold, metrics, len(parts.fitting))
    return sealed(recipe, fitted, matrix[parts.fitting], matrix[np.concatenate([validation, held_out])], progress)


def sealed(
    recipe: Recipe, fitted: Fitted, learned: Matrix, others: Matrix, progress: Callable[[str], None] = lambda step: None
) -> dict[str, bytes]:
    """The files of a fitted model's bundle, with profile and outlier detector.

    learned, others: encoded rows, [n, n_features], which it was fitted on and was not. progress: called with each of
    STEPS from `outliers` on.
    """
    signature, seed = recipe.signature, recipe.seed
    scorer = load(fitted.graph, signature)
    profile = _weighed(reference_profile(signature, learned, scorer.score(others)), signature, scorer, others, seed)
    progress("outliers")
    said, detector = outliers.fitted(recipe.wanted, signature, learned, others, profile, seed)
    progress("seal")
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version or derived_version(recipe.trained_at, fitted.graph),
        threshold=fitted.threshold,
        algorithm=recipe.algorithm,
        signature=signature,
        training=Training(recipe.trained_at, fitted.rows, seed, recipe.window, recipe.source),
        metrics=fitted.metrics,
        profile=profile,
        smoke=tuple(scorer.score(typical_rows(signature, profile)).tolist()),
        libraries={library: installed(library) for library in _LIBRARIES},
        outliers=said,
    )
    if recipe.source is not None and recipe.version is None:
        # A label that is revised, another seed or library may leave the graph as it is and change what is said of it.
        whole = fitted.graph + manifest.to_bytes()
        manifest = replace(manifest, version=derived_version(recipe.trained_at, whole))
    return write_bundle(manifest, fitted.graph, detector=detector)


def _graph(recipe: Recipe, matrix: Matrix, truth: Truth, parts: Parts, progress: Callable[[str], None]) -> bytes:
    signature, validation = recipe.signature, parts.validation
    progress("fit")
    pipeline = build(signature, recipe.algorithm, recipe.seed).fit(matrix[parts.fitting], truth[parts.fitting])
    progress("convert")
    graph = convert(pipeline, len(signature.features))
    if recipe.calibrate:
        scores = load(graph, signature).score(matrix[validation])
        line = calibration.fit(scores, truth[validation], recipe.seed)
        graph = graph if line is None else calibration.calibrated(graph, line)
    return graph


def _weighed(
    profile: dict[str, dict[str, Any]], signature: Signature, scorer: Scorer, others: Matrix, seed: int
) -> dict[str, dict[str, Any]]:
    """The profile with each feature's importance."""
    for name, value in zip(signature.names, importance(signature, scorer.score, others, seed).tolist(), strict=True):
        profile[name]["importance"] = value
    return profile


def encoded(frame: pd.DataFrame, signature: Signature) -> Matrix:
    """The frame's rows as a matrix [n, n_features]. Raises InvalidRequest for too few or any against the signature."""
    if len(frame) < LEAST_ROWS:
        raise InvalidRequest(f"{len(frame)} rows are too few to fit and to measure: give {LEAST_ROWS} or more")
    rows = encode(signature, rows_of(frame, signature))
    if rows.errors:
        row, fields = next(iter(rows.errors.items()))
        raise InvalidRequest(
            f"{len(rows.errors)} of {len(frame)} rows break the signature, first row {row}: "
            f"{fields[0].field} {fields[0].reason}, got {fields[0].got}; repair or drop them",
            fields,
        )
    return rows.matrix


def _split(truth: Truth, seed: int) -> Parts:
    """Row numbers for fitting, validation and hold-out, each with the same share of positives."""
    from sklearn.model_selection import train_test_split

    if np.bincount(truth, minlength=2).min() < 5:
        raise InvalidRequest("fewer than 5 rows of one class: collect more before training")
    rest, held_out = train_test_split(np.arange(len(truth)), test_size=0.2, random_state=seed, stratify=truth)
    fitting, validation = train_test_split(rest, test_size=0.25, random_state=seed, stratify=truth[rest])
    return Parts(fitting, validation, held_out)
