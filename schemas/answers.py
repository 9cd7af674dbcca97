"""What one row is answered with, by what its model predicts."""

from collections.abc import Mapping
from typing import Any, Literal

Task = Literal["binary", "multiclass", "regression"]
"""What a model predicts: one of two classes, one of several, or a number."""
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")

TARGETS_OWN = ("probability", "value")
ANSWER: Mapping[Task, Mapping[str, Any]] = {
    "binary": {
        "predictions": tuple[float, float],
        "probability": float,
        "risk_score": float,
        "label": int | str,
    },
    "multiclass": {"predictions": tuple[float, ...], "probability": float, "label": int | str},
    "regression": {"predictions": tuple[float], "value": float},
}
"""The fields of one row's answer; those of TARGETS_OWN have the target's name in front.

binary: both classes' probabilities, that of the positive one, a hundred times that, and the class by the threshold.
multiclass: all classes' probabilities in their order, the highest, and its class. regression: the value, twice.
"""


def answer_names(task: Task, target: str) -> list[str]:
    """The names in `ANSWER` as a result shows them."""
    return [f"{target}_{name}" if name in TARGETS_OWN else name for name in ANSWER[task]]
