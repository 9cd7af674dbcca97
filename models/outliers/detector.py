"""A loaded detector: scores rows, flags them, and says what stands out in those it flags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models import onnx
from models.onnx import Scorer
from models.outliers.base import Matrix, Method, Outliers
from models.outliers.half_space_trees import HalfSpaceTrees
from models.outliers.isolation_forest import IsolationForest
from models.profile import Profile, typical_rows
from models.signature import FloatVector, Signature
from schemas.errors import BundleRefused, InvalidRequest

DETECTORS: Mapping[str, type[Method]] = {"isolation_forest": IsolationForest, "half_space_trees": HalfSpaceTrees}

SHOWN = 3
AT_ONCE = 8192
"""Rows that are scored together while features are replaced; their number times that of the features is."""
_SMOKE_TOLERANCE = 1e-4


class StandOut(NamedTuple):
    """A feature of a flagged row. value, typical: as encoded. fall: of the score, were it typical."""

    feature: str
    value: float
    typical: float
    fall: float


@dataclass(frozen=True, eq=False)
class Detector:
    """What a bundle flags outliers with; safe to call from several threads."""

    said: Outliers
    method: Method
    scorer: Scorer
    names: Sequence[str]

    def score(self, matrix: Matrix) -> FloatVector:
        """Outlier scores [n], 0 to 1, of encoded rows [n, n_features]; the same for a row whatever shares its batch."""
        return self.method.scores(self.scorer.score(matrix))

    def flags(self, scores: FloatVector) -> npt.NDArray[np.bool_]:
        """Which of these scores are outliers'; what is no number is none's."""
        return scores > self.said.threshold

    def stand_out(self, matrix: Matrix, scores: FloatVector) -> list[tuple[StandOut, ...]]:
        """For each flagged row, the features whose typical value alone lowers its score most; three at most.

        matrix: [n, n_features]. scores: theirs, [n]. Costs n_features scored rows for each; a row that is odd only by
        how its features go together may have none.
        """
        rows_at_once = max(1, AT_ONCE // len(self.names))
        parts = range(0, len(matrix), rows_at_once)
        falls = [self._falls(matrix[i : i + rows_at_once], scores[i : i + rows_at_once]) for i in parts]
        return [self._largest(*found) for found in zip(matrix, np.concatenate(falls), strict=True)] if falls else []

    def _falls(self, rows: Matrix, scores: FloatVector) -> FloatVector:
        width = len(self.names)
        changed = np.repeat(rows[:, None, :], width, axis=1)
        changed[:, range(width), range(width)] = self.said.typical
        return scores[:, None] - self.score(changed.reshape(-1, width)).reshape(len(rows), width)

    def _largest(self, row: Matrix, falls: FloatVector) -> tuple[StandOut, ...]:
        order = [i for i in np.argsort(-falls, kind="stable")[:SHOWN].tolist() if falls[i] > 0]
        typical = self.said.typical
        return tuple(StandOut(self.names[i], float(row[i]), typical[i], float(falls[i])) for i in order)


def method_of(name: str) -> Method:
    """Raises InvalidRequest for a name that is not in DETECTORS."""
    if name not in DETECTORS:
        raise InvalidRequest(f"unknown outlier detector {name!r}: choose one of {', '.join(DETECTORS)}")
    return DETECTORS[name]()


def load(graph: bytes, said: Outliers, signature: Signature, profile: Profile | None) -> Detector:
    """A detector that answers as where it was fitted. Raises BundleRefused for any other."""
    detector = opened(graph, said, signature)
    try:
        scores = detector.score(typical_rows(signature, profile))
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        raise BundleRefused("outliers.onnx fails on typical rows: train the model again") from error
    if scores.shape != (len(said.smoke),) or not np.allclose(scores, said.smoke, rtol=0.0, atol=_SMOKE_TOLERANCE):
        raise BundleRefused("outliers.onnx scores otherwise than where it was fitted: train again with these libraries")
    return detector


def opened(graph: bytes, said: Outliers, signature: Signature) -> Detector:
    """A detector that nothing was asked of yet. Raises BundleRefused."""
    try:
        method = method_of(said.detector)
    except InvalidRequest as error:
        raise BundleRefused(f"{error}, or upgrade Weir") from error
    if len(said.typical) != len(signature.features):
        raise BundleRefused("the outlier detector does not fit the signature: train the model again")
    values = replace(signature, task="regression", classes=())
    return Detector(said, method, onnx.load(graph, values), signature.names)
