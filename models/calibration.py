"""Probabilities put right: a score that says 0.7 is right seven times in ten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.onnx import OUTPUTS
from models.signature import FloatVector

LEAST = 1e-6
"""Scores are held this far from 0 and 1, whose odds are no numbers."""
FOLDS = 5

Truth = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Platt:
    """A line in the log odds: those that are answered are `slope` times the model's, and `offset` more.

    Source: Platt, "Probabilistic outputs for support vector machines" (1999).
    """

    slope: float
    offset: float

    def __call__(self, scores: FloatVector) -> FloatVector:
        """Probabilities [n] for scores [n], as the graph of `calibrated` answers them."""
        held = np.clip(scores, LEAST, 1 - LEAST)
        odds: FloatVector = (held / (1 - held)) ** self.slope * np.exp(self.offset)
        return odds / (1 + odds)


def fit(scores: FloatVector, truth: Truth, seed: int) -> Platt | None:
    """The line of these rows, which the model was not fitted on; None where it would make the log loss no lower.

    That is asked of rows that the line was not fitted on either.
    """
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold

    if np.bincount(truth, minlength=2).min() < FOLDS:
        return None
    corrected = np.empty_like(scores)
    for fitting, others in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(scores[:, None], truth):
        corrected[others] = _line(scores[fitting], truth[fitting])(scores[others])
    line = _line(scores, truth)
    helps = log_loss(truth, corrected, labels=[0, 1]) < log_loss(truth, scores, labels=[0, 1])
    return line if helps and line.slope > 0 else None


def _line(scores: FloatVector, truth: Truth) -> Platt:
    from sklearn.linear_model import LogisticRegression

    held = np.clip(scores, LEAST, 1 - LEAST)
    line = LogisticRegression(C=1e6).fit(np.log(held / (1 - held))[:, None], truth)
    return Platt(float(line.coef_[0, 0]), float(line.intercept_[0]))


def calibrated(graph: bytes, line: Platt) -> bytes:
    """The graph of a binary model with its probabilities put right; equal arguments, equal bytes.

    By powers of the odds: onnxruntime takes logarithms of several rows in another way than of one, and the last bits of
    a row's answer would depend on its neighbours.
    """
    import onnx
    from onnx import numpy_helper

    answers, raw = OUTPUTS["binary"], "uncalibrated"
    model = onnx.load_model_from_string(graph)
    for node in model.graph.node:
        node.output[:] = [raw if name == answers else name for name in node.output]
        node.input[:] = [raw if name == answers else name for name in node.input]
    kept = [
        output for output in model.graph.output if output.name == answers
    ]  # a label would be of scores as they were
    del model.graph.output[:]
    model.graph.output.extend(kept)
    model.graph.node.extend(_nodes(raw, answers))
    numbers = {"low": LEAST, "high": 1 - LEAST, "one": 1.0, "slope": line.slope, "factor": float(np.exp(line.offset))}
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.array(value), f"platt_{name}") for name, value in numbers.items()]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "platt_positive"))
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _nodes(raw: str, answers: str) -> list[Any]:
    """From [n, 2] to [n, 2], in double precision between."""
    from onnx import TensorProto, helper

    steps: Sequence[tuple[str, Sequence[str], str, Mapping[str, Any]]] = (
        ("Gather", (raw, "platt_positive"), "platt_float", {"axis": 1}),
        ("Cast", ("platt_float",), "platt_score", {"to": TensorProto.DOUBLE}),
        ("Clip", ("platt_score", "platt_low", "platt_high"), "platt_held", {}),
        ("Sub", ("platt_one", "platt_held"), "platt_other", {}),
        ("Div", ("platt_held", "platt_other"), "platt_odds", {}),
        ("Pow", ("platt_odds", "platt_slope"), "platt_power", {}),
        ("Mul", ("platt_power", "platt_factor"), "platt_right", {}),
        ("Add", ("platt_one", "platt_right"), "platt_sum", {}),
        ("Div", ("platt_right", "platt_sum"), "platt_yes", {}),
        ("Sub", ("platt_one", "platt_yes"), "platt_no", {}),
        ("Concat", ("platt_no", "platt_yes"), "platt_both", {"axis": 1}),
        ("Cast", ("platt_both",), answers, {"to": TensorProto.FLOAT}),
    )
    return [helper.make_node(kind, list(given), [made], **options) for kind, given, made, options in steps]
