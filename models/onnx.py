"""ONNX graphs: checked before they run, and scored so that a row's answer never depends on its neighbours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.onnx_pieces import pieces
from models.signature import FloatVector, Signature
from models.tasks import columns_of, scores_of
from schemas.answers import Task
from schemas.errors import BundleRefused

INPUT = "features"
OUTPUTS: Mapping[Task, str] = {"binary": "probabilities", "multiclass": "probabilities", "regression": "values"}

_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
# onnxruntime multiplies a single row with another kernel (GEMV) than two or more (GEMM): last bits differ.
_SMALLEST_BATCH = 2
_SHOWN = 160


@dataclass(frozen=True, eq=False)
class Scorer:
    """One loaded graph, a `models.base.Scorer`."""

    session: Any
    width: int
    task: Task = "binary"

    def score(self, matrix: npt.NDArray[np.float32]) -> FloatVector:
        """As `models.base.Scorer` says."""
        rows = len(matrix)
        if rows == 0:
            matrix = np.zeros((1, self.width), dtype=np.float32)  # how many columns no answer has the graph knows
        if rows < _SMALLEST_BATCH:
            matrix = np.repeat(matrix, _SMALLEST_BATCH, axis=0)
        (answers,) = self.session.run([OUTPUTS[self.task]], {INPUT: matrix})
        if len(answers) != len(matrix):  # whose answers they are nobody could tell
            raise ValueError(f"{len(answers)} answers to {len(matrix)} rows")
        return scores_of(self.task, answers[:rows])


def load(graph: bytes, signature: Signature) -> Scorer:
    """A scorer for a graph that takes float32 [None, n features] and gives what the signature's task asks for.

    That is float32: `probabilities` with a column for each class, or of a regression `values` [None, 1].
    Raises BundleRefused for bytes that are no such graph or reach outside themselves.
    """
    _refuse_unsafe(graph)
    session = _session(graph)
    width = len(signature.features)
    _refuse_other_inputs(session, width)
    _refuse_other_answers(session, signature)
    return Scorer(session, width, signature.task)


def _session(graph: bytes) -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        raise BundleRefused(
            f"model.onnx cannot be loaded by onnxruntime {onnxruntime.__version__} ({_end_of(error)}): "
            "train it again with this version of Weir, or export it for that one"
        ) from error


def _end_of(error: Exception) -> str:
    """What is wrong stands last: the operator, opset or IR version that is not known."""
    text = " ".join(str(error).split())
    return text if len(text) <= _SHOWN else f"...{text[-_SHOWN:]}"


def _refuse_unsafe(graph: bytes) -> None:
    for model in _read(graph):
        domains = {opset.domain for opset in model.opset_import} | {node.domain for node in _nodes(model)}
        if strange := domains - _DOMAINS:
            raise BundleRefused(f"model.onnx asks for operators of {sorted(strange)}: use standard operators only")
        if any(tensor.data_location == tensor.EXTERNAL for tensor in _tensors(model)):
            raise BundleRefused("model.onnx keeps data in other files: export it with everything inside")


def _read(graph: bytes) -> Iterator[Any]:
    """The graph as models that hold its parts."""
    import onnx

    try:
        for piece in pieces(graph):
            yield onnx.load_model_from_string(piece)
    except Exception as error:  # protobuf's own, of a package without types
        raise BundleRefused("model.onnx is no ONNX graph: export the model to ONNX and publish that") from error


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for attribute in _attributes(graph):
        for inner in (attribute.g, *attribute.graphs):
            yield from _graphs(inner)


def _attributes(part: Any) -> Iterator[Any]:
    """What its nodes are given, and a function's nodes unless its caller says otherwise."""
    yield from getattr(part, "attribute_proto", ())
    for node in part.node:
        yield from node.attribute


def _parts(model: Any) -> Iterator[Any]:
    for root in (model.graph, *model.functions):
        yield from _graphs(root)


def _nodes(model: Any) -> Iterator[Any]:
    for part in _parts(model):
        yield from part.node


def _tensors(model: Any) -> Iterator[Any]:
    for part in _parts(model):
        yield from getattr(part, "initializer", ())  # a function has none
        thin = [*getattr(part, "sparse_initializer", ())]
        for attribute in _attributes(part):
            yield from (attribute.t, *attribute.tensors)
            thin += (attribute.sparse_tensor, *attribute.sparse_tensors)
        for sparse in thin:
            yield from (sparse.values, sparse.indices)


def _refuse_other_inputs(session: Any, width: int) -> None:
    inputs = session.get_inputs()
    if [(i.name, i.type) for i in inputs] != [(INPUT, "tensor(float)")]:
        raise BundleRefused(f"model.onnx must read one float tensor named {INPUT!r}: export it with one input")
    shape = inputs[0].shape
    if shape[1:] != [width]:
        raise BundleRefused(
            f"model.onnx reads {shape}, the signature has {width} features: "
            "give the graph one column for each, both from the same training"
        )
    if isinstance(shape[0], int):
        raise BundleRefused(f"model.onnx reads {shape[0]} rows at a time: export it with a free first dimension")


def _refuse_other_answers(session: Any, signature: Signature) -> None:
    name, columns = OUTPUTS[signature.task], columns_of(signature)
    answer = next((output for output in session.get_outputs() if output.name == name), None)
    if answer is None or answer.type != "tensor(float)" or answer.shape[1:] != [columns]:
        remedy = "name the graph's output so" if signature.task == "regression" else "drop ZipMap"
        raise BundleRefused(
            f"model.onnx must answer with a float tensor {name!r} of {columns} column{'s' if columns > 1 else ''}, "
            f"as its signature of task {signature.task} says: {remedy}, or correct the signature"
        )
