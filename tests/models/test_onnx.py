import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models.onnx import load
from models.onnx_pieces import PIECE_BYTES
from models.signature import Feature, Signature
from schemas.errors import BundleRefused
from tests.models import wild

FEATURES = tuple(Feature(name, "float") for name in "abc")
THREE = Signature(FEATURES, "late")


def graph(
    *, width: int = 3, rows: int | str = "n", output: str = "probabilities", domain: str = "", classes: int = 2
) -> onnx.ModelProto:
    """features [n, width] x weights -> probabilities [n, classes]."""
    node = helper.make_node("MatMul", ["features", "weights"], [output], domain=domain)
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [width, classes], [0.0] * width * classes)
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [rows, width])]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, [rows, classes])]
    opsets = [helper.make_opsetid(domain, 18)]
    model = helper.make_graph([node], "g", inputs, outputs, [weights])
    return helper.make_model(model, opset_imports=opsets, ir_version=9)


def refused(model: onnx.ModelProto, reason: str) -> None:
    """As it is, and as part of a graph that is read in pieces."""
    for text in ("", "x" * 2 * PIECE_BYTES):
        model.doc_string = text
        with pytest.raises(BundleRefused, match=reason):
            load(model.SerializeToString(), THREE)


def test_a_graph_of_the_expected_form_is_loaded() -> None:
    assert load(graph().SerializeToString(), THREE).width == 3


@pytest.mark.parametrize("rows", [[2000.0], [2000.0, 1.0, 1.0]])
def test_a_graph_with_fewer_answers_than_rows_has_given_none(rows: list[float]) -> None:
    scorer = load(wild.drops(3).SerializeToString(), THREE)
    matrix = np.array([[row] * 3 for row in rows], dtype=np.float32)
    with pytest.raises(ValueError, match=r"\d answers to \d rows"):
        scorer.score(matrix)
    assert scorer.score(matrix[1:]).tolist() == [0.75] * (len(rows) - 1)


def test_a_graph_of_another_width_is_refused() -> None:
    refused(graph(width=4), "the signature has 3 features")


def test_a_graph_of_fixed_batch_size_is_refused() -> None:
    refused(graph(rows=1), "export it with a free first dimension")


def test_a_graph_with_another_output_is_refused() -> None:
    refused(graph(output="scores"), "drop ZipMap")


def test_a_graph_of_three_classes_is_refused() -> None:
    refused(graph(classes=3), "of 2 columns, as its signature of task binary says")


def test_a_graph_of_two_inputs_is_refused() -> None:
    model = graph()
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    refused(model, "export it with one input")


def test_operators_that_need_other_libraries_are_refused() -> None:
    refused(graph(domain="com.example"), "operators of .*com.example")


@pytest.mark.parametrize("tag", [b"\x3a", b"\xba\x00"], ids=["shortest", "longer"])
def test_a_graph_that_is_merged_into_the_first_is_looked_at_too(tag: bytes) -> None:
    more = onnx.GraphProto(node=[helper.make_node("Relu", ["a"], ["b"], domain="com.example")]).SerializeToString()
    padded = graph()
    padded.doc_string = "x" * 2 * PIECE_BYTES
    for first in (graph(), padded):
        with pytest.raises(BundleRefused, match=r"operators of .*com.example"):
            load(first.SerializeToString() + tag + bytes([len(more)]) + more, THREE)


@pytest.mark.parametrize("where", ["initializer", "attribute", "subgraph", "function"])
def test_data_outside_the_graph_is_refused(where: str) -> None:
    tensor = helper.make_tensor("weights", TensorProto.FLOAT, [3, 2], [0.0] * 6)
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    model = graph()
    if where == "initializer":
        model.graph.initializer[0].CopyFrom(tensor)
    elif where == "attribute":
        model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    elif where == "function":
        inner = helper.make_graph([], "inner", [], [], [tensor])
        choice = helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner)
        model.functions.append(helper.make_function("", "Own", ["c"], ["d"], [choice], [helper.make_opsetid("", 18)]))
    else:
        inner = helper.make_graph([], "inner", [], [], [tensor])
        model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))
    refused(model, "keeps data in other files")


@pytest.mark.parametrize("where", ["attribute", "attributes", "subgraph", "default"])
@pytest.mark.parametrize("part", ["values", "indices"])
def test_sparse_data_outside_the_graph_is_refused(where: str, part: str) -> None:
    outside = onnx.TensorProto(data_type=TensorProto.FLOAT, dims=[6], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="weights.bin")
    sparse = onnx.SparseTensorProto(dims=[3, 2], **{part: outside})
    model = graph()
    if where == "attribute":
        model.graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=sparse))
    elif where == "attributes":
        model.graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=[sparse]))
    elif where == "subgraph":
        inner = onnx.GraphProto(name="inner", sparse_initializer=[sparse])
        model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))
    else:
        own = helper.make_function("", "Own", ["c"], ["d"], [], [helper.make_opsetid("", 18)])
        own.attribute_proto.append(helper.make_attribute("unless_given", sparse))
        model.functions.append(own)
    refused(model, "keeps data in other files")


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x09", b"\xff" * 100, b"\x0b" * 2 * PIECE_BYTES])
def test_bytes_that_are_no_graph_are_refused(content: bytes) -> None:
    with pytest.raises(BundleRefused, match=r"model\.onnx"):
        load(content, THREE)
