"""scikit-learn models in skops form: they answer as they did where they were trained, or are refused."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from models import sklearn
from models.bundle import GRAPH, MANIFEST, SKOPS, read_bundle, write_bundle
from models.publishing import bundled
from models.signature_file import SignatureFile
from schemas.answers import Task
from schemas.errors import BundleRefused
from tests.models.graphs import NOW, declared, graph_of

RNG = np.random.default_rng(4)
X = RNG.uniform(-2, 2, size=(90, 3)).astype(np.float32).astype(np.float64)
SCORE = X @ [1.0, -2.0, 0.5]
TWO = np.where(SCORE > 0, "on time", "late")
THREE = np.digitize(SCORE, [-1, 1])
FRAME = pd.DataFrame(X, columns=["f0", "f1", "f2"])
MANY = RNG.uniform(-2, 2, size=(80, 3)).astype(np.float32)
Files = dict[str, bytes]


def encoded() -> Any:
    columns = [("texts", OneHotEncoder(handle_unknown="ignore"), [2])]
    return make_pipeline(ColumnTransformer(columns, remainder=StandardScaler()), LogisticRegression())


# What is tried, and on which ground truth.
MODELS: dict[str, tuple[Task, Any, Any]] = {
    "logistic regression": ("binary", lambda: LogisticRegression(), TWO),
    "forest in threads": ("binary", lambda: RandomForestClassifier(5, n_jobs=-1, random_state=0), TWO),
    "several classes": ("multiclass", lambda: make_pipeline(StandardScaler(), LogisticRegression()), THREE),
    "boosting": ("multiclass", lambda: HistGradientBoostingClassifier(max_iter=2), THREE),
    "network": ("multiclass", lambda: MLPClassifier((9,), max_iter=9, tol=1e9, n_iter_no_change=1), THREE),
    "one-hot columns": ("binary", encoded, TWO),
    "ridge": ("regression", lambda: Ridge(), SCORE),
}


@cache
def fitted(name: str) -> Any:
    _, make, truth = MODELS[name]
    return make().fit(np.round(X) if name == "one-hot columns" else X, truth)


def saved(model: Any) -> bytes:
    content: bytes = skops.io.dumps(model)
    return content


def publish(model: Any, said: SignatureFile, **order: Any) -> Files:
    content = model if isinstance(model, bytes) else saved(model)
    return bundled(content, said, **{"name": "m", "published_at": NOW, "file": SKOPS} | order)


@pytest.mark.contract("R4", "R5")
@pytest.mark.parametrize("name", MODELS)
def test_it_answers_as_where_it_was_trained_and_alike_whatever_shares_its_batch(name: str) -> None:
    task = MODELS[name][0]
    files = publish(fitted(name), declared(task))
    bundle = read_bundle(files)
    asked = fitted(name).predict if task == "regression" else fitted(name).predict_proba
    expected = asked(MANY.astype(np.float64))
    whole = bundle.score(MANY)
    assert np.allclose(whole, expected[:, 1] if task == "binary" else expected, rtol=1e-9, atol=1e-9)
    for size in (1, 64):
        parts = [bundle.score(MANY[i : i + size]) for i in range(0, len(MANY), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert len(bundle.score(MANY[:0])) == 0
    assert write_bundle(bundle.manifest, files[SKOPS], SKOPS) == files


def test_the_manifest_says_where_it_came_from() -> None:
    manifest = read_bundle(publish(fitted("ridge"), declared("regression"))).manifest
    assert (manifest.algorithm, manifest.training, manifest.profile) == ("scikit-learn", None, None)
    assert {"scikit-learn", "skops"} <= manifest.libraries.keys()
    assert len(manifest.smoke) == 16


def test_a_model_that_was_fitted_on_a_data_frame_gets_one() -> None:
    columns = ColumnTransformer([("scaled", StandardScaler(), ["f0", "f2"])])
    model = make_pipeline(columns, LogisticRegression()).fit(FRAME, TWO)
    bundle = read_bundle(publish(model, declared("binary")))
    rows = pd.DataFrame(MANY.astype(np.float64), columns=FRAME.columns)
    assert np.allclose(bundle.score(MANY), model.predict_proba(rows)[:, 1])


def test_classes_may_be_named_in_words_for_a_model_of_codes() -> None:
    bundle = read_bundle(publish(fitted("several classes"), declared("multiclass")))
    assert set(bundle.labels(bundle.score(MANY))) == {"low", "middle", "high"}


class Mine(LogisticRegression):
    """Somebody's own estimator."""


def holding(name: str, content: bytes) -> bytes:
    """A good file with one more in it."""
    buffer = io.BytesIO(saved(fitted("ridge")))
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr(name, content)
    return buffer.getvalue()


def reaching_out(module: str, function: str, loader: str) -> bytes:
    """A file that asks for any function of any module, as no `dump` writes it."""
    said = {"__module__": module, "__class__": function, "__loader__": loader, "__id__": 1}
    content = {"__module__": "builtins", "__class__": "tuple", "__loader__": "TupleNode", "content": [], "__id__": 2}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("schema.json", json.dumps(said | {"content": content, "protocol": 2, "_skops_version": "0.16.0"}))
    return buffer.getvalue()


def an_array_of_objects() -> bytes:
    """A pickle where an array should be."""
    spoilt, content = io.BytesIO(), io.BytesIO(saved(fitted("ridge")))
    array = io.BytesIO()
    np.save(array, np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(content) as source, zipfile.ZipFile(spoilt, "w") as target:
        for member in source.namelist():
            target.writestr(member, array.getvalue() if member.endswith(".npy") else source.read(member))
    return spoilt.getvalue()


UNFIT: dict[str, tuple[Callable[[], Any], SignatureFile, str]] = {
    "no zip": (lambda: b"anything", declared("binary"), "no skops file: save the fitted model with skops.io.dump"),
    "empty": (lambda: b"", declared("binary"), "no skops file"),
    "a pickle": (lambda: pickle.dumps({"a": 1}), declared("binary"), "looks like a pickle, .*or save it with skops"),
    "pickle inside": (
        lambda: holding("model.pkl", b"x"),
        declared("regression"),
        "holds 'model.pkl': .*never a",
    ),
    "array of objects": (an_array_of_objects, declared("regression"), "cannot be read by skops .*: save the fitted"),
    "own estimator": (
        lambda: Mine().fit(X, TWO),
        declared("binary"),
        "not allowed: .*test_sklearn.Mine: use scikit-learn's own .*or export the model to ONNX",
    ),
    "own function": (
        lambda: make_pipeline(FunctionTransformer(np.ravel), LogisticRegression()),
        declared("binary"),
        "not allowed: numpy.ravel: use",
    ),
    "any function": (lambda: reaching_out("os", "system", "FunctionNode"), declared("binary"), "not allowed: .*system"),
    "any call": (lambda: reaching_out("os", "system", "ConstructorFromReduceNode"), declared("binary"), "not allowed"),
    "unknown node": (lambda: reaching_out("os", "system", "Nowhere"), declared("binary"), "cannot be read by skops"),
    "width": (
        lambda: fitted("ridge"),
        declared("regression", width=4),
        "was fitted on 3 columns, the signature has 4 features",
    ),
    "not fitted": (lambda: Ridge(), declared("regression"), "was fitted on None columns"),
    "names": (
        lambda: Ridge().fit(FRAME[["f1", "f0", "f2"]], SCORE),
        declared("regression"),
        "column 0 of model.skops is 'f1', feature 0 of the signature 'f0'",
    ),
    "order of classes": (
        lambda: fitted("logistic regression"),
        declared("binary", classes=["on time", "late"]),
        r"classes \['late', 'on time'\], the signature says \['on time', 'late'\]",
    ),
    "number of classes": (lambda: fitted("several classes"), declared("binary"), r"classes \[0, 1, 2\]"),
    "a regressor": (lambda: fitted("ridge"), declared("binary"), "not a classifier with predict_proba"),
    "a classifier": (lambda: fitted("several classes"), declared("regression"), "not a regressor with predict"),
    "no probabilities": (lambda: LinearSVC().fit(X, TWO), declared("binary"), "not a classifier with predict_proba"),
    "two values": (lambda: Ridge().fit(X, X[:, :2]), declared("regression"), "fails on rows .*2 answers to a row"),
    "no model": (lambda: {"a": 1}, declared("regression"), "was fitted on None columns"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_could_not_serve_is_refused_with_what_to_do(case: str) -> None:
    make, said, reason = UNFIT[case]
    with pytest.raises(BundleRefused, match=f"(?s){reason}"):
        publish(make(), said)


def test_what_a_file_calls_its_types_can_be_told_everywhere() -> None:
    """The registry's topic takes no half of a character, and no terminal its own commands."""
    with pytest.raises(BundleRefused) as refused:
        publish(reaching_out("half\ud800\x1b[31m", "system", "FunctionNode"), declared("binary"))
    assert r"not allowed: half\ud800\x1b[31m.system" in str(refused.value)


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn, "MOST_UNPACKED", 2000)
    with pytest.raises(BundleRefused, match=r"unpacks to \d+ bytes, at most 2000 fit"):
        publish(fitted("ridge"), declared("regression"))


def test_an_altered_file_and_other_answers_are_refused_when_read() -> None:
    files = publish(fitted("ridge"), declared("regression"))
    manifest = read_bundle(files).manifest
    with pytest.raises(BundleRefused, match=r"model\.skops is not the file the manifest was written for"):
        read_bundle(files | {SKOPS: files[SKOPS][:-1]})
    with pytest.raises(BundleRefused, match=r"missing from the bundle: \['model.skops'\]"):
        read_bundle({MANIFEST: files[MANIFEST]})
    other = replace(manifest, smoke=tuple(-value for value in manifest.smoke))  # type: ignore[operator]
    with pytest.raises(BundleRefused, match="not what training saw"):
        read_bundle(write_bundle(other, files[SKOPS], SKOPS))


def test_a_bundle_of_two_models_is_refused() -> None:
    files = publish(fitted("ridge"), declared("regression"))
    graph = graph_of("regression").SerializeToString()
    both = (
        json.loads(files[MANIFEST])["files"]
        | json.loads(bundled(graph, declared("regression"), name="m", published_at=NOW)[MANIFEST])["files"]
    )
    manifest = replace(read_bundle(files).manifest, files=both).sealed()
    with pytest.raises(BundleRefused, match=r"several models, model\.onnx and model\.skops"):
        read_bundle({MANIFEST: manifest.to_bytes(), SKOPS: files[SKOPS], GRAPH: graph})
