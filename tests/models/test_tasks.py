"""Models of two classes, of several and of a number: what their graphs must give, and what is made of it."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from models.bundle import GRAPH, MANIFEST, Bundle, read_bundle, write_bundle
from models.publishing import bundled
from models.signature import Signature
from models.tasks import scores_of
from schemas.answers import TASKS, Task
from schemas.errors import BundleRefused
from tests.models.graphs import NOW, bundle_of, chain, declared, graph_of

NUMBERS = [f"c{i}" for i in range(12)]


@pytest.fixture(scope="module", params=[*TASKS, "twelve classes"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    if request.param == "twelve classes":
        return bundle_of("multiclass", width=21, columns=12, classes=NUMBERS)
    return bundle_of(request.param, width=21)


@pytest.mark.contract("R4")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_a_row_scores_bit_for_bit_alike_whatever_shares_its_batch(bundle: Bundle, size: int) -> None:
    matrix = np.random.default_rng(1).normal(size=(200, 21)).astype(np.float32)
    whole = bundle.score(matrix)
    parts = [bundle.score(matrix[i : i + size]) for i in range(0, len(matrix), size)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert bundle.score(np.ascontiguousarray(matrix[::-1])).tobytes() == np.ascontiguousarray(whole[::-1]).tobytes()


def test_no_rows_score_to_nothing(bundle: Bundle) -> None:
    none = bundle.score(np.empty((0, 21), dtype=np.float32))
    assert len(none) == len(bundle.labels(none)) == 0


@pytest.mark.contract("R5")
def test_probabilities_of_several_classes_sum_to_1_in_double_precision() -> None:
    bundle = bundle_of("multiclass", width=21, columns=12, classes=NUMBERS)
    scores = bundle.score(np.random.default_rng(2).normal(size=(100, 21)).astype(np.float32))
    assert np.abs(scores.sum(axis=1) - 1).max() < 1e-15 * 12
    assert bundle.labels(scores) == [NUMBERS[place] for place in scores.argmax(axis=1)]


@pytest.mark.parametrize(
    "row", [[0.5, 0.6, 0.1], [-0.1, 0.6, 0.5], [0, 0, 0], [np.nan, 0.5, 0.5], [np.inf, 0, 0], [np.inf, -np.inf, 1]]
)
def test_what_is_no_distribution_is_no_answer_and_spoils_no_other(row: list[float]) -> None:
    output = np.array([[0.25, 0.25, 0.5], row], dtype=np.float32)
    scores = scores_of("multiclass", output)
    assert scores[0].tolist() == [0.25, 0.25, 0.5]
    assert np.isnan(scores[1]).all()


def test_a_minus_zero_is_answered_as_zero() -> None:
    assert str(scores_of("regression", np.array([[-0.0]], dtype=np.float32)).tolist()) == "[0.0]"


@pytest.mark.parametrize("task", TASKS)
def test_what_was_published_is_read_as_it_was(task: Task) -> None:
    files = bundled(graph_of(task).SerializeToString(), declared(task), name="m", published_at=NOW)
    bundle = read_bundle(files)
    assert bundle.task == json.loads(files[MANIFEST])["signature"]["task"] == task
    assert bundle.threshold == (0.5 if task == "binary" else None)
    assert write_bundle(bundle.manifest, files[GRAPH]) == files


def test_a_signature_without_a_task_is_of_a_binary_model() -> None:
    data = declared("binary").signature().to_json()
    del data["task"]
    assert Signature.from_json(data) == declared("binary").signature()


def logits(columns: int) -> onnx.ModelProto:
    node = helper.make_node("MatMul", ["features", "weights"], ["probabilities"])
    return chain(node, columns=columns, weights=np.ones((3, columns), np.float32))


def square_root() -> onnx.ModelProto:
    """No number for a negative sum."""
    return chain(
        helper.make_node("MatMul", ["features", "weights"], ["sum"]),
        helper.make_node("Sqrt", ["sum"], ["values"]),
        output="values",
        columns=1,
        weights=np.ones((3, 1), np.float32),
    )


def down_the_batch() -> onnx.ModelProto:
    return chain(
        helper.make_node("MatMul", ["features", "weights"], ["sum"]),
        helper.make_node("CumSum", ["sum", "axis"], ["values"]),
        output="values",
        columns=1,
        weights=np.ones((3, 1), np.float32),
        axis=np.int64(0),
    )


UNFIT: list[tuple[Task, onnx.ModelProto, str]] = [
    ("multiclass", graph_of("binary"), "'probabilities' of 3 columns, as its signature of task multiclass says"),
    ("multiclass", graph_of("regression"), "'probabilities' of 3 columns"),
    ("regression", graph_of("binary"), "'values' of 1 column, .*task regression says: name the graph's output so"),
    ("regression", graph_of("regression", width=4), "reads .*4.*, the signature has 3 features"),
    ("multiclass", logits(3), "no probabilities from 0 to 1 whose sum is 1: train or export"),
    ("regression", square_root(), "gives no finite values: train or export"),
    ("regression", down_the_batch(), "depends on its batch here"),
]


@pytest.mark.parametrize(("task", "model", "reason"), UNFIT, ids=[reason[:30] for _, _, reason in UNFIT])
def test_a_graph_that_does_not_do_its_task_is_refused(task: Task, model: onnx.ModelProto, reason: str) -> None:
    with pytest.raises(BundleRefused, match=f"(?s){reason}"):
        bundled(model.SerializeToString(), declared(task), name="m", published_at=NOW)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("spoil", [lambda seen: seen[::-1], lambda seen: seen[:-1], lambda seen: (0.5,) * len(seen)])
def test_answers_that_training_did_not_see_are_refused(task: Task, spoil: Any) -> None:
    bundle = bundle_of(task)
    other = replace(bundle.manifest, smoke=spoil(bundle.manifest.smoke))
    with pytest.raises(BundleRefused, match="not what training saw"):
        read_bundle(write_bundle(other, graph_of(task).SerializeToString()))


@pytest.mark.parametrize(("task", "threshold"), [("multiclass", 0.5), ("regression", 0.5), ("binary", None)])
def test_a_threshold_is_the_binary_models_alone(task: Task, threshold: float | None) -> None:
    manifest = bundle_of(task).manifest
    with pytest.raises(ValueError, match="a threshold is for two classes"):
        replace(manifest, threshold=threshold)
