"""What a model's raw output means, by its task: probabilities of two classes, of several, or a value."""

import numpy as np
import numpy.typing as npt

from models.signature import FloatVector, Signature
from schemas.answers import Task

# float32 probabilities of a thousand classes add up to 1 more closely than this; a model of other numbers does not.
SUM_TOLERANCE = 1e-3


def columns_of(signature: Signature) -> int:
    """How many columns the raw output has."""
    return len(signature.classes) or 1


def scores_of(task: Task, output: npt.NDArray[np.floating]) -> FloatVector:
    """What is answered, from the raw output [n, columns].

    binary: the positive class's probability, [n]. multiclass: each class's, [n, k], every row's sum 1, NaN for a row
    that is no distribution. regression: the values, [n].
    """
    if task == "binary":
        return np.asarray(output[:, 1], dtype=np.float64)
    if task == "regression":
        return np.asarray(output[:, 0], dtype=np.float64) + 0.0  # -0 is no other answer than 0, and is not stored
    probabilities = np.asarray(output, dtype=np.float64)
    with np.errstate(all="ignore"):
        sums = probabilities.sum(axis=1, keepdims=True)
        sound = (probabilities >= 0).all(axis=1, keepdims=True) & (np.abs(sums - 1) <= SUM_TOLERANCE)
        return np.where(sound, probabilities / sums, np.nan)


def usable(signature: Signature, scores: FloatVector, rows: int) -> bool:
    """Whether these are scores of so many rows."""
    if signature.task == "multiclass":
        return scores.shape == (rows, len(signature.classes)) and bool(np.isfinite(scores).all())
    if signature.task == "regression":
        return scores.shape == (rows,) and bool(np.isfinite(scores).all())
    return scores.shape == (rows,) and bool(((scores >= 0) & (scores <= 1)).all())


EXPECTED: dict[Task, str] = {
    "binary": "probabilities from 0 to 1",
    "multiclass": "probabilities from 0 to 1 whose sum is 1",
    "regression": "finite values",
}
"""What `usable` looks for, in words."""
