"""Graphs that pass every check and misbehave on live rows: where the first feature is more than BOUND."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.models.graphs import chain

BOUND = 1000.0
"""What bundles are tried on stays below."""
ANSWER = np.array([[0.25, 0.75]], dtype=np.float32)

_WILD = (
    helper.make_node("Gather", ["features", "first"], ["x"], axis=1),
    helper.make_node("Greater", ["x", "bound"], ["wild"]),
)
_KNOWN = {"first": np.array([0]), "bound": np.float32(BOUND)}


def not_a_number(width: int) -> onnx.ModelProto:
    answer = helper.make_node("Where", ["wild", "nan", "answer"], ["probabilities"])
    return chain(*_WILD, answer, width=width, **_KNOWN, nan=np.float32("nan"), answer=ANSWER)


def fails(width: int) -> onnx.ModelProto:
    """Looks the answer up where a table ends."""
    return chain(
        *_WILD,
        helper.make_node("Cast", ["wild"], ["places"], to=TensorProto.INT64),
        helper.make_node("Squeeze", ["places", "second"], ["place"]),
        helper.make_node("Gather", ["answer", "place"], ["probabilities"], axis=0),
        width=width,
        **_KNOWN,
        second=np.array([1]),
        answer=ANSWER,
    )


def drops(width: int) -> onnx.ModelProto:
    """Answers fewer rows than it was asked."""
    return chain(
        *_WILD,
        helper.make_node("Not", ["wild"], ["calm"]),
        helper.make_node("Squeeze", ["calm", "second"], ["kept"]),
        helper.make_node("Compress", ["features", "kept"], ["rest"], axis=0),
        helper.make_node("MatMul", ["rest", "weights"], ["zeros"]),
        helper.make_node("Add", ["zeros", "answer"], ["probabilities"]),
        width=width,
        **_KNOWN,
        second=np.array([1]),
        weights=np.zeros((width, 2), dtype=np.float32),
        answer=ANSWER,
    )


def hangs(width: int) -> onnx.ModelProto:
    """Turns round in a loop for minutes."""
    scalar = {name: helper.make_tensor_value_info(name, kind, []) for name, kind in _SCALARS.items()}
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still_on"]), helper.make_node("Sin", ["y"], ["next_y"])],
        "body",
        [scalar["turn"], scalar["on"], scalar["y"]],
        [scalar["still_on"], scalar["next_y"]],
    )
    return chain(
        *_WILD,
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Greater", ["most", "bound"], ["spins"]),
        helper.make_node("Where", ["spins", "many", "none"], ["turns"]),
        helper.make_node("Loop", ["turns", "", "zero"], ["spun"], body=body),
        helper.make_node("Where", ["wild", "answer", "answer"], ["answers"]),
        helper.make_node("Add", ["answers", "spun"], ["probabilities"]),
        width=width,
        **_KNOWN,
        many=np.int64(1_000_000_000),
        none=np.int64(0),
        zero=np.float32(0),
        answer=ANSWER,
    )


_SCALARS = {
    "turn": TensorProto.INT64,
    "on": TensorProto.BOOL,
    "y": TensorProto.FLOAT,
    "still_on": TensorProto.BOOL,
    "next_y": TensorProto.FLOAT,
}
