"""A model bundle: a manifest, a model and perhaps an outlier detector, written together, loaded or refused whole."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models import onnx, outliers, sklearn
from models.base import Scorer
from models.manifest import Manifest
from models.profile import Profile, typical_rows
from models.signature import ClassLabel, FloatVector, Signature
from models.tasks import EXPECTED, usable
from schemas.answers import Task
from schemas.errors import BundleRefused

MANIFEST = "manifest.json"
GRAPH = "model.onnx"
SKOPS = "model.skops"
OUTLIERS = "outliers.onnx"
LOADERS: dict[str, Callable[[bytes, Signature], Scorer]] = {GRAPH: onnx.load, SKOPS: sklearn.load}
"""The model's file in a bundle -> what makes a scorer of it."""

_PICKLE_ENDINGS = (".pkl", ".pickle", ".joblib", ".dill", ".pt", ".npy")
_PICKLE_STARTS = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
# Other processors round the last bits differently; a wrong model is off by far more.
_SMOKE_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified model, ready to score."""

    manifest: Manifest
    scorer: Scorer
    detector: outliers.Detector | None = None
    """Of outliers, where one was fitted with the model."""

    @property
    def signature(self) -> Signature:
        return self.manifest.signature

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def target(self) -> str:
        return self.manifest.signature.target

    @property
    def task(self) -> Task:
        return self.manifest.signature.task

    @property
    def threshold(self) -> float | None:
        return self.manifest.threshold

    @cached_property
    def typical(self) -> npt.NDArray[np.float32]:
        """`models.profile.typical_rows` of this model: what its answers are explained against."""
        return typical_rows(self.signature, self.manifest.profile)

    def score(self, matrix: npt.NDArray[np.float32]) -> FloatVector:
        """For each row of a float32 matrix [n, n_features], see `models.tasks.scores_of`.

        The probability of the positive class, [n], of every class, [n, k], or the value, [n].
        """
        return self.scorer.score(matrix)

    def labels(self, scores: FloatVector) -> Sequence[ClassLabel | None]:
        """The class answered for each row: at the threshold the positive one, of several the most probable."""
        classes = self.signature.classes
        if self.task == "regression":
            return [None] * len(scores)
        if self.task == "multiclass":
            return [classes[place] for place in scores.argmax(axis=1).tolist()]
        negative, positive = classes
        threshold = self.manifest.threshold
        assert threshold is not None  # Manifest sees to it
        return [positive if p >= threshold else negative for p in scores.tolist()]


def derived_version(trained_at: datetime, model: bytes) -> str:
    """A version that sorts by training time and names the model's content: `20261124-075138-1a2b3c4d`."""
    return f"{trained_at.astimezone(UTC):%Y%m%d-%H%M%S}-{hashlib.sha256(model).hexdigest()[:8]}"


def write_bundle(
    manifest: Manifest, model: bytes, file: str = GRAPH, detector: bytes | None = None
) -> dict[str, bytes]:
    """The bundle's files by name; digests and sizes are filled in here.

    file: a name of LOADERS. detector: the graph that the manifest's `outliers` tells of.
    """
    contents = {file: model} if detector is None else {file: model, OUTLIERS: detector}
    files = {name: _facts(content) for name, content in contents.items()}
    return {MANIFEST: replace(manifest, files=files).sealed().to_bytes(), **contents}


def read_bundle(files: Mapping[str, bytes]) -> Bundle:
    """Verify, load and try a bundle. Raises BundleRefused saying what is wrong and what to do."""
    refuse_pickles(files)
    if MANIFEST not in files:
        raise BundleRefused("the bundle has no manifest.json: publish it again")
    manifest = Manifest.from_bytes(files[MANIFEST])
    _refuse_altered(manifest, files)
    [file] = LOADERS.keys() & files
    bundle = Bundle(manifest, LOADERS[file](files[file], manifest.signature))
    _refuse_wrong_answers(bundle)
    return replace(bundle, detector=_detector(manifest, files))


def smoke(scorer: Scorer, signature: Signature, profile: Profile | None) -> FloatVector:
    """The model's answers to `typical_rows`. Raises BundleRefused where it has none."""
    return _answers(scorer, _rows(signature, profile))


def refuse_pickles(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if name.lower().endswith(_PICKLE_ENDINGS) or content.startswith(_PICKLE_STARTS):
            raise BundleRefused(
                f"{name} looks like a pickle, which could run code: export the model to ONNX or save it with skops"
            )


def _facts(content: bytes) -> dict[str, str | int]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _detector(manifest: Manifest, files: Mapping[str, bytes]) -> outliers.Detector | None:
    if (said := manifest.outliers) is None:
        return None
    return outliers.load(files[OUTLIERS], said, manifest.signature, manifest.profile)


def _refuse_altered(manifest: Manifest, files: Mapping[str, bytes]) -> None:
    expected, present = set(manifest.files), set(files) - {MANIFEST}
    models = LOADERS.keys() & expected or {GRAPH}
    beside = {OUTLIERS} if manifest.outliers else set()
    if missing := sorted((expected | models | beside) - present):
        raise BundleRefused(f"missing from the bundle: {missing}: publish it again")
    if len(models) > 1:
        raise BundleRefused(f"the bundle holds several models, {' and '.join(sorted(models))}: publish one alone")
    if extra := present - expected:
        raise BundleRefused(f"not in the manifest: {sorted(extra)}: remove them or publish the bundle again")
    for name, facts in manifest.files.items():
        if _facts(files[name]) != facts:
            raise BundleRefused(f"{name} is not the file the manifest was written for: publish the bundle again")


def _refuse_wrong_answers(bundle: Bundle) -> None:
    rows = _rows(bundle.signature, bundle.manifest.profile)
    together = _answers(bundle.scorer, rows)
    alone = np.concatenate([_answers(bundle.scorer, rows[i : i + 1]) for i in range(len(rows))])
    if not usable(bundle.signature, together, len(rows)):
        expected = EXPECTED[bundle.task]
        raise BundleRefused(f"the smoke prediction gives no {expected}: train or export the model again")
    if not np.array_equal(together, alone):
        raise BundleRefused(
            "a row's answer depends on its batch here: export a graph that looks at each row alone, "
            "or use a tested version of onnxruntime or scikit-learn"
        )
    if not _as_seen(bundle, together):
        raise BundleRefused("the smoke prediction is not what training saw: train again with these libraries")


def _as_seen(bundle: Bundle, answers: FloatVector) -> bool:
    try:
        seen = np.array(bundle.manifest.smoke, dtype=np.float64)
    except ValueError:  # rows of several lengths
        return False
    largest = np.abs(seen).max(initial=0.0) if bundle.task == "regression" else 1.0
    return seen.shape == answers.shape and np.allclose(answers, seen, rtol=0.0, atol=_SMOKE_TOLERANCE * largest)


def _rows(signature: Signature, profile: Profile | None) -> npt.NDArray[np.float32]:
    try:
        return typical_rows(signature, profile)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleRefused("the reference profile does not fit the signature: train the model again") from error


def _answers(scorer: Scorer, rows: npt.NDArray[np.float32]) -> FloatVector:
    try:
        return scorer.score(rows)
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        raise BundleRefused(
            "the model fails on rows that its signature allows, code 0 for an unknown category among them: "
            f"train or export the model again ({str(error)[:200]})"
        ) from error
