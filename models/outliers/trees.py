"""Trees whose leaves add up, as one ONNX operator: it answers a row in microseconds, and a file of it runs no code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.onnx import INPUT, OUTPUTS
from models.signature import FloatVector

Integers = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Tree:
    """The nodes of a tree, all arrays [n_nodes]; the first is the root.

    feature: the column that a node asks for, -1 of a leaf. value: what it is compared with. left, right: the places of
    a node's children. worth: what a leaf adds.
    """

    feature: Integers
    value: FloatVector
    left: Integers
    right: Integers
    worth: FloatVector


def graph(trees: Sequence[Tree], width: int, *, strict: bool) -> bytes:
    """An ONNX graph from features [n, width] to the sums of their leaves' worths [n, 1]; equal trees, equal bytes.

    strict: a row goes left where its feature is below the node's value, otherwise where it is that or below.
    """
    from onnx import helper

    sizes = [len(tree.feature) for tree in trees]
    owners, nodes = np.repeat(np.arange(len(trees)), sizes), np.concatenate([np.arange(size) for size in sizes])
    feature, worth = _joined(trees, "feature"), _joined(trees, "worth")
    leaf = feature < 0
    branch = "BRANCH_LT" if strict else "BRANCH_LEQ"
    sums = helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT],
        [OUTPUTS["regression"]],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        nodes_treeids=owners.tolist(),
        nodes_nodeids=nodes.tolist(),
        nodes_featureids=np.where(leaf, 0, feature).tolist(),
        nodes_values=_comparable(np.where(leaf, 0.0, _joined(trees, "value")), strict).tolist(),
        nodes_modes=["LEAF" if ends else branch for ends in leaf],
        nodes_truenodeids=np.where(leaf, 0, _joined(trees, "left")).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, _joined(trees, "right")).tolist(),
        target_treeids=owners[leaf].tolist(),
        target_nodeids=nodes[leaf].tolist(),
        target_ids=[0] * int(leaf.sum()),
        target_weights=worth[leaf].tolist(),
    )
    return _alone(sums, width)


def _alone(node: Any, width: int) -> bytes:
    """A graph of one operator from features to values."""
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, width])]
    outputs = [helper.make_tensor_value_info(OUTPUTS["regression"], TensorProto.FLOAT, [None, 1])]
    made = helper.make_graph([node], "outliers", inputs, outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    content: bytes = helper.make_model(made, opset_imports=opsets, ir_version=9).SerializeToString(deterministic=True)
    return content


def _joined(trees: Sequence[Tree], name: str) -> npt.NDArray[np.float64]:
    return np.concatenate([getattr(tree, name) for tree in trees])


def _comparable(values: FloatVector, strict: bool) -> npt.NDArray[np.float32]:
    """The float32 numbers that part float32 features as these do: the next one up, or else the next one down."""
    near = values.astype(np.float32)
    off, towards = (near < values, np.inf) if strict else (near > values, -np.inf)
    return np.where(off, np.nextafter(near, np.float32(towards)), near)
