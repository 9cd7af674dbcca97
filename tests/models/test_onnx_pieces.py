from collections.abc import Iterator, Sequence

import onnx
import pytest
from onnx import TensorProto, helper

from models.onnx_pieces import PIECE_BYTES, pieces

MANY = range(PIECE_BYTES // 2)


def forest() -> bytes:
    """A model of a large node, a large tensor and a large function."""
    lists = {name: list(MANY) for name in ("trees", "nodes", "leaves")}
    nodes = [
        helper.make_node("Trees", ["x"], ["y"], domain="ai.onnx.ml", **lists),
        helper.make_node("Own", ["y"], ["z"]),
    ]
    tensor = helper.make_tensor("weights", TensorProto.FLOAT, [len(MANY)], MANY)
    opsets = [helper.make_opsetid("ai.onnx.ml", 3)]
    own = helper.make_function(
        "own", "Own", ["y"], ["z"], [helper.make_node("Sum", ["y"], ["z"], deep=list(MANY))], opsets
    )
    graph = helper.make_graph(nodes, "g", [], [], [tensor])
    return helper.make_model(graph, opset_imports=opsets, functions=[own]).SerializeToString()


def held(models: Sequence[onnx.ModelProto]) -> list[bytes]:
    """What is looked at: tensors, attributes, domains."""

    def found(model: onnx.ModelProto) -> Iterator[bytes]:
        yield from (each.SerializeToString() for each in (*model.opset_import, *model.graph.initializer))
        for node in (*model.graph.node, *(node for function in model.functions for node in function.node)):
            yield from (attribute.SerializeToString() for attribute in node.attribute)
            yield node.domain.encode()

    return sorted({each for model in models for each in found(model)})


def test_the_pieces_hold_what_the_model_holds_and_none_holds_more_than_one_large_part() -> None:
    model = forest()
    found = list(pieces(model))
    assert held(list(map(onnx.ModelProto.FromString, found))) == held([onnx.ModelProto.FromString(model)])
    assert max(map(len, found)) < PIECE_BYTES + max(map(len, held([onnx.ModelProto.FromString(model)]))) + 100
    assert len(found) >= 5


@pytest.mark.parametrize(
    "spoil", [lambda model: model[:-1], lambda model: model + b"\x08", lambda model: b"\x0b" + model]
)
def test_bytes_that_are_no_message_are_refused(spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(ValueError, match=r"ends early|does not end|wire type"):
        list(pieces(spoil(forest())))
