"""Fits an outlier detector beside a model."""

from dataclasses import replace

import numpy as np

from models.outliers.base import Matrix, Order, Outliers
from models.outliers.detector import method_of, opened
from models.outliers.rate import rank_of
from models.outliers.trees import graph
from models.profile import Profile, typical_rows
from models.signature import FloatVector, Signature


def fitted(
    wanted: Order, signature: Signature, fitting: Matrix, others: Matrix, profile: Profile | None, seed: int
) -> tuple[Outliers, bytes]:
    """What the manifest says, and the graph that `load` takes.

    fitting: encoded rows [n, n_features] that are learned. others: rows that are not, as those that were learned
    look less odd than others of their kind; the threshold is theirs.
    Raises InvalidRequest for an unknown detector.
    """
    method = method_of(wanted.detector)
    content = graph(method.fit(fitting, seed), len(signature.features), strict=method.strict)
    draft = Outliers(wanted.detector, wanted.contamination, 1.0, _typical(fitting, signature), ())
    known = opened(content, draft, signature)
    threshold = threshold_of(known.score(others), wanted.contamination)
    smoke = known.score(typical_rows(signature, profile))
    return replace(draft, threshold=threshold, smoke=tuple(smoke.tolist()), rows=len(others)), content


def threshold_of(scores: FloatVector, contamination: float) -> float:
    """The score that another row of the same kind exceeds with this probability, or the next smaller one there is.

    The largest of fewer scores than 1 / contamination is exceeded more often: once in their number and one.
    Source: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world" (2005), on conformal prediction.
    """
    return float(np.sort(scores)[-rank_of(len(scores), contamination)])


def _typical(matrix: Matrix, signature: Signature) -> tuple[float, ...]:
    """The middle value of a number, which is one that was seen; of categories the commonest code."""
    middle = np.quantile(matrix, 0.5, axis=0, method="inverted_cdf")
    for i in signature.layout.text_columns:
        middle[i] = np.bincount(matrix[:, i].astype(np.intp)).argmax()
    return tuple(middle.astype(float).tolist())
