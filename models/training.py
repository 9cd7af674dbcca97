"""Train a binary classifier on a data frame and give back the files of its bundle."""

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version as installed
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import outliers
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


def train(
    frame: pd.DataFrame,
    label: str,
    *,
    signature: Signature,
    name: str,
    trained_at: datetime,
    algorithm: str = DEFAULT_ALGORITHM,
    seed: int = 0,
    version: str | None = None,
    window: tuple[datetime, datetime] | None = None,
    wanted: outliers.Order = outliers.DEFAULT,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, bytes]:
    """Fit on 60 % of the rows, choose the threshold for F1 on 20 %, measure on the last 20 %.

    The threshold of the outlier detector is chosen on both of these.

    Same arguments and library versions give the same bytes. progress: called with each of STEPS as it begins.
    version: derived from trained_at and the graph unless given. wanted: the outlier detector.
    Raises InvalidRequest for unusable data.
    """
    check_name(name)
    progress("encode")
    matrix, truth = _encoded(frame, label, signature)
    progress("split")
    fitting, validation, held_out = _split(truth, seed)
    progress("fit")
    pipeline = build(signature, algorithm, seed).fit(matrix[fitting], truth[fitting])
    progress("convert")
    graph = convert(pipeline, len(signature.features))
    progress("evaluate")
    scorer = load(graph, signature)
    threshold = best_threshold(truth[validation], scorer.score(matrix[validation]))
    metrics = quality(truth[held_out], scorer.score(matrix[held_out]), threshold)
    learned, others = matrix[fitting], matrix[np.concatenate([validation, held_out])]
    profile = _weighed(reference_profile(signature, learned, scorer.score(others)), signature, scorer, others, seed)
    progress("outliers")
    said, detector = outliers.fitted(wanted, signature, learned, others, profile, seed)
    progress("seal")
    manifest = Manifest(
        name=name,
        version=version or derived_version(trained_at, graph),
        threshold=threshold,
        algorithm=algorithm,
        signature=signature,
        training=Training(trained_at, len(fitting), seed, window),
        metrics=metrics,
        profile=profile,
        smoke=tuple(scorer.score(typical_rows(signature, profile)).tolist()),
        libraries={library: installed(library) for library in _LIBRARIES},
        outliers=said,
    )
    return write_bundle(manifest, graph, detector=detector)


def _weighed(
    profile: dict[str, dict[str, Any]], signature: Signature, scorer: Scorer, others: Matrix, seed: int
) -> dict[str, dict[str, Any]]:
    """The profile with each feature's importance."""
    for name, value in zip(signature.names, importance(signature, scorer.score, others, seed).tolist(), strict=True):
        profile[name]["importance"] = value
    return profile


def _encoded(frame: pd.DataFrame, label: str, signature: Signature) -> tuple[Matrix, Truth]:
    if len(frame) < LEAST_ROWS:
        raise InvalidRequest(f"{len(frame)} rows are too few to fit and to measure: give {LEAST_ROWS} or more")
    truth = np.array(truth_of(frame, label, signature), dtype=np.intp)
    encoded = encode(signature, rows_of(frame, signature))
    if encoded.errors:
        row, fields = next(iter(encoded.errors.items()))
        raise InvalidRequest(
            f"{len(encoded.errors)} of {len(frame)} rows break the signature, first row {row}: "
            f"{fields[0].field} {fields[0].reason}, got {fields[0].got}; repair or drop them",
            fields,
        )
    return encoded.matrix, truth


def _split(truth: Truth, seed: int) -> tuple[Any, Any, Any]:
    """Row numbers for fitting, validation and hold-out, each with the same share of positives."""
    from sklearn.model_selection import train_test_split

    if np.bincount(truth, minlength=2).min() < 5:
        raise InvalidRequest("fewer than 5 rows of one class: collect more before training")
    rest, held_out = train_test_split(np.arange(len(truth)), test_size=0.2, random_state=seed, stratify=truth)
    fitting, validation = train_test_split(rest, test_size=0.25, random_state=seed, stratify=truth[rest])
    return fitting, validation, held_out
