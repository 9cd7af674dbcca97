"""Tiny graphs and bundles of every task, made without training."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from models.bundle import Bundle, read_bundle
from models.publishing import bundled
from models.signature_file import SignatureFile
from schemas.answers import Task

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
COLUMNS: dict[Task, int] = {"binary": 2, "multiclass": 3, "regression": 1}
CLASSES: dict[Task, list[str] | None] = {
    "binary": ["late", "on time"],
    "multiclass": ["low", "middle", "high"],
    "regression": None,
}


def chain(
    *nodes: onnx.NodeProto, width: int = 3, output: str = "probabilities", columns: int = 2, **constants: Any
) -> onnx.ModelProto:
    """features [n, width] through these nodes to the output [n, columns]."""
    tensors = [onnx.numpy_helper.from_array(np.array(value), name) for name, value in constants.items()]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", columns])]
    model = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(model, opset_imports=opsets, ir_version=9)


def graph_of(task: Task, *, width: int = 3, columns: int | None = None, seed: int = 0) -> onnx.ModelProto:
    """A linear model as skl2onnx writes it."""
    count = columns or COLUMNS[task]
    weights = np.random.default_rng(seed).normal(size=(count, width)).ravel().tolist()
    said = {"domain": "ai.onnx.ml", "coefficients": weights, "intercepts": [0.0] * count}
    if task == "regression":
        linear = helper.make_node("LinearRegressor", ["features"], ["values"], **said)
        return chain(linear, width=width, output="values", columns=1)
    said |= {"classlabels_ints": list(range(count)), "post_transform": "SOFTMAX"}
    linear = helper.make_node("LinearClassifier", ["features"], ["label", "probabilities"], **said)
    return chain(linear, width=width, columns=count)


def looked_up(first: int, answers: int) -> onnx.ModelProto:
    """Features [n, 3]: the first says where in a table the answer stands, counted from `first`; elsewhere it fails."""
    return chain(
        helper.make_node("Gather", ["features", "column"], ["x"], axis=1),
        helper.make_node("Sub", ["x", "first"], ["at"]),
        helper.make_node("Cast", ["at"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["answers", "place"], ["probabilities"], axis=0),
        column=np.array(0),
        first=np.float32(first),
        answers=np.tile(np.float32([0.25, 0.75]), (answers, 1)),
    )


def declared(task: Task, *, width: int = 3, **more: Any) -> SignatureFile:
    features = [{"name": f"f{i}", "type": "float", "minimum": -2, "maximum": 2} for i in range(width)]
    said = {"target": "outcome", "task": task, "classes": CLASSES[task], "features": features}
    return SignatureFile.model_validate({name: value for name, value in (said | more).items() if value is not None})


def bundle_of(task: Task, *, width: int = 3, columns: int | None = None, **more: Any) -> Bundle:
    said = declared(task, width=width, **more)
    content = graph_of(task, width=width, columns=columns).SerializeToString()
    return read_bundle(bundled(content, said, name="m", published_at=NOW))
