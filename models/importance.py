"""How much a model's answers hang on each feature: what a drift of it weighs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.signature import FloatVector, Signature

MOST_ROWS = 2000
"""That are enough: an importance is an average over them."""

Matrix = npt.NDArray[np.float32]
Profile = Mapping[str, Mapping[str, Any]]


def importance(signature: Signature, score: Callable[[Matrix], FloatVector], matrix: Matrix, seed: int) -> FloatVector:
    """For each feature by how much the answers move when its values are shuffled among the rows, [n_features].

    They add up to 1; all are 0 where no feature moves any answer. matrix: rows that the model was not fitted on.
    Source: Breiman's permutation importance ("Random forests", 2001), of answers in place of their errors, as it then
    needs no truth and tells what a drift can do to the answers.
    """
    random = np.random.default_rng(seed)
    rows = matrix[random.permutation(len(matrix))[:MOST_ROWS]]
    known = score(rows)
    moved = np.zeros(len(signature.features))
    for place in range(len(moved)):
        shuffled = rows.copy()
        shuffled[:, place] = rows[random.permutation(len(rows)), place]
        moved[place] = np.abs(score(shuffled) - known).mean()
    moved = np.where(np.isfinite(moved), moved, 0.0)
    found: FloatVector = moved / moved.sum() if moved.sum() > 0 else moved
    return found


def importance_of(profile: Profile | None) -> dict[str, float] | None:
    """feature -> its importance as a manifest's profile has it; None in older manifests and where nothing moves any
    answer: then all features are alike."""
    if profile is None:
        return None
    found = {name: known.get("importance") for name, known in profile.items() if name}
    sound = {name: float(value) for name, value in found.items() if isinstance(value, int | float) and value >= 0}
    return sound if len(sound) == len(found) and 0 < sum(sound.values()) < float("inf") else None
