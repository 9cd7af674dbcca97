"""A graph that was trained elsewhere, published: it answers as it did there, or is refused."""

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models.bundle import GRAPH, MANIFEST, read_bundle, write_bundle
from models.churn import CHURN
from models.features import encode
from models.publishing import bundled
from models.signature_file import SignatureFile, read_signature_file
from models.simulate import customer_rows
from schemas.errors import BundleRefused, InvalidRequest
from schemas.routes import TAKEN
from tests.models.graphs import chain
from tests.models.test_onnx import graph

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
Files = dict[str, bytes]


def declared(*features: dict[str, Any], **more: Any) -> SignatureFile:
    return read_signature_file(json.dumps({"target": "late", "features": features} | more).encode())


THREE = declared(
    {"name": "age", "type": "int", "minimum": 18, "maximum": 99},
    {"name": "spend", "type": "float"},
    {"name": "plan", "type": "str", "categories": ["basic", "pro"]},
)


def publish(model: onnx.ModelProto | bytes, **order: Any) -> Files:
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return bundled(content, order.pop("declared", THREE), **{"name": "late", "published_at": NOW} | order)


def test_the_same_graph_published_answers_the_same(files: Files) -> None:
    trained = read_bundle(files)
    said = SignatureFile.model_validate(CHURN.to_json() | {"threshold": trained.threshold})
    again = read_bundle(publish(files[GRAPH], declared=said, name="churn"))
    matrix = encode(CHURN, customer_rows(200, seed=5)).matrix
    assert again.signature == CHURN
    assert again.score(matrix).tobytes() == trained.score(matrix).tobytes()
    assert again.labels(again.score(matrix)) == trained.labels(trained.score(matrix))


def test_the_manifest_says_what_is_known_and_leaves_out_what_is_not() -> None:
    content = graph().SerializeToString()
    files = publish(content)
    manifest = read_bundle(files).manifest
    assert (manifest.name, manifest.version[:16], manifest.algorithm) == ("late", "20261127-093000-", "onnx")
    assert (manifest.training, manifest.profile, manifest.metrics) == (None, None, {})
    assert len(manifest.smoke) == 16
    assert files[GRAPH] == content
    assert write_bundle(manifest, content) == files


def test_another_graphs_smoke_prediction_is_refused_when_read() -> None:
    files = publish(graph())
    other = replace(read_bundle(files).manifest, smoke=(0.9,) * 16)
    with pytest.raises(BundleRefused, match="not what training saw"):
        read_bundle(write_bundle(other, files[GRAPH]))


def gather() -> onnx.ModelProto:
    """Looks the third feature up in two places: an unknown category has code 0, the second category code 2."""
    return chain(
        helper.make_node("Gather", ["features", "third"], ["code"], axis=1),
        helper.make_node("Cast", ["code"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["probabilities"], axis=0),
        third=np.int64(2),
        table=np.full((2, 2), 0.5, dtype=np.float32),
    )


def logits() -> onnx.ModelProto:
    return chain(
        helper.make_node("MatMul", ["features", "weights"], ["probabilities"]), weights=np.ones((3, 2), np.float32)
    )


def softmax_down_the_batch() -> onnx.ModelProto:
    return chain(
        helper.make_node("MatMul", ["features", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=0),
        weights=np.ones((3, 2), np.float32),
    )


def without_rank() -> onnx.ModelProto:
    model = graph()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    return model


def with_renamed_input() -> onnx.ModelProto:
    model = graph()
    model.graph.input[0].name = model.graph.node[0].input[0] = "X"
    return model


def one_node(operator: str, domain: str = "") -> onnx.ModelProto:
    return chain(helper.make_node(operator, ["features"], ["probabilities"], domain=domain))


def inside_a_function() -> onnx.ModelProto:
    """An operator of onnxruntime's own in a function that is called like a standard one."""
    inner = helper.make_node("FusedMatMul", ["x", "x"], ["y"], domain="com.microsoft")
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = one_node("Own")
    model.functions.append(helper.make_function("", "Own", ["x"], ["y"], [inner], opsets))
    return model


def of_opset(version: int) -> onnx.ModelProto:
    model = graph()
    model.opset_import[0].version = version
    return model


def with_data_elsewhere() -> onnx.ModelProto:
    model = graph()
    weights = model.graph.initializer[0]
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    return model


UNFIT = [
    (b"", "cannot be loaded by onnxruntime.*export it"),
    (b"not a graph", "is no ONNX graph: export"),
    (pickle.dumps({"a": 1}), "looks like a pickle.*export the model to ONNX or save it with skops"),
    (onnx.ModelProto(), "cannot be loaded by onnxruntime.*export it"),
    (graph(width=4), "reads .*4.*, the signature has 3 features: give the graph"),
    (without_rank(), "the signature has 3 features"),
    (graph(rows=8), "reads 8 rows at a time: export it with a free first dimension"),
    (with_renamed_input(), "named 'features': export it"),
    (graph(output="scores"), "tensor 'probabilities' of 2 columns, .*: drop ZipMap"),
    (graph(classes=3), "of 2 columns"),
    (graph(domain="com.example"), "operators of .*com.example.*: use standard"),
    (one_node("Sonnet"), "cannot be loaded .*No Op registered for Sonnet with domain_version of 18.*: .*export it"),
    (one_node("Sonnet", domain="ai.onnx.ml"), "No Op registered for Sonnet with domain_version of 1"),
    (one_node("FusedMatMul", domain="com.microsoft"), r"operators of \['com.microsoft'\]: use standard"),
    (inside_a_function(), r"operators of \['com.microsoft'\]: use standard"),
    (of_opset(1000), "is till opset"),
    (with_data_elsewhere(), "keeps data in other files: export"),
    (gather(), "fails on rows that its signature allows, code 0 .*export the model again"),
    (logits(), "no probabilities from 0 to 1: .*export"),
    (softmax_down_the_batch(), "depends on its batch here: export a graph that looks at each row alone"),
]


@pytest.mark.parametrize(("model", "reason"), UNFIT, ids=[reason[:30] for _, reason in UNFIT])
def test_what_could_not_serve_is_refused_with_what_to_do(model: onnx.ModelProto | bytes, reason: str) -> None:
    with pytest.raises(BundleRefused, match=f"(?s){reason}"):
        publish(model)


def test_a_pickle_by_name_is_refused() -> None:
    with pytest.raises(BundleRefused, match=r"model\.joblib looks like a pickle"):
        publish(graph(), source="model.joblib")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "ä", "a" * 101])
def test_a_name_that_could_not_be_stored_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is no model name: use letters"):
        publish(graph(), name=name)


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_a_name_that_the_router_has_taken_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"'{name}' is no model's name, as GET /router/{name} is taken: choose"):
        publish(graph(), name=name)


def test_the_manifest_has_null_for_what_is_not_known() -> None:
    data = json.loads(publish(graph())[MANIFEST])
    assert (data["training"], data["profile"], data["metrics"]) == (None, None, {})
