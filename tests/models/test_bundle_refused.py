"""Bundles that must not serve, and the reason each refusal gives."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.bundle import GRAPH, LOADERS, MANIFEST, OUTLIERS, read_bundle, write_bundle
from models.churn import CHURN
from models.manifest import LARGEST, _digest
from models.signature import Signature
from schemas.errors import BundleRefused

Files = dict[str, bytes]


def drop_graph(files: Files) -> None:
    del files[GRAPH]


def drop_manifest(files: Files) -> None:
    del files[MANIFEST]


def add_notes(files: Files) -> None:
    files["notes.txt"] = b"hello"


def add_pickle(files: Files) -> None:
    files["model.pkl"] = b"anything"


def graph_is_a_pickle(files: Files) -> None:
    files[GRAPH] = pickle.dumps({"a": 1})


def flip_a_bit(files: Files) -> None:
    content = bytearray(files[GRAPH])
    content[len(content) // 2] ^= 1
    files[GRAPH] = bytes(content)


def cut_the_graph(files: Files) -> None:
    files[GRAPH] = files[GRAPH][:-1]


def manifest_is_no_json(files: Files) -> None:
    files[MANIFEST] = b"\xff{"


def manifest_is_a_list(files: Files) -> None:
    files[MANIFEST] = b"[]"


def edit(**changes: Any) -> Callable[[Files], None]:
    """Change the manifest without sealing it again."""

    def spoil(files: Files) -> None:
        files[MANIFEST] = json.dumps(json.loads(files[MANIFEST]) | changes).encode()

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (drop_graph, r"missing from the bundle: \['model.onnx'\]: publish it again"),
        (drop_manifest, "no manifest.json"),
        (add_notes, r"not in the manifest: \['notes.txt'\]"),
        (add_pickle, "model.pkl looks like a pickle"),
        (graph_is_a_pickle, "model.onnx looks like a pickle"),
        (flip_a_bit, "model.onnx is not the file"),
        (cut_the_graph, "model.onnx is not the file"),
        (manifest_is_no_json, "no bundle manifest"),
        (manifest_is_a_list, "no bundle manifest"),
        (edit(threshold=0.01), "altered after training"),
        (edit(format=2), "format 2 is unknown.*upgrade"),
    ],
)
def test_a_spoilt_bundle_is_refused_with_its_reason(files: Files, spoil: Callable[[Files], None], reason: str) -> None:
    spoil(files)
    with pytest.raises(BundleRefused, match=reason):
        read_bundle(files)


def test_a_sealed_manifest_for_another_width_is_refused(files: Files) -> None:
    manifest = read_bundle(files).manifest
    narrow = replace(manifest, signature=Signature(CHURN.features[1:], "churn"))
    with pytest.raises(BundleRefused, match="signature has 20 features"):
        read_bundle(write_bundle(narrow, files[GRAPH], detector=files[OUTLIERS]))


def test_a_sealed_manifest_for_other_answers_is_refused(files: Files) -> None:
    manifest = read_bundle(files).manifest
    other = replace(manifest, smoke=tuple(p / 2 for p in manifest.smoke))
    with pytest.raises(BundleRefused, match="not what training saw"):
        read_bundle(write_bundle(other, files[GRAPH], detector=files[OUTLIERS]))


@pytest.mark.parametrize("profile", [{}, {name: {"edges": ["a"]} for name in CHURN.names}])
def test_a_sealed_manifest_with_another_profile_is_refused(files: Files, profile: dict[str, Any]) -> None:
    manifest = replace(read_bundle(files).manifest, profile=profile)
    with pytest.raises(BundleRefused, match="profile does not fit"):
        read_bundle(write_bundle(manifest, files[GRAPH], detector=files[OUTLIERS]))


def of_feature(**changes: Any) -> dict[str, Any]:
    data = CHURN.to_json()
    first, *others = data["features"]
    return {"signature": data | {"features": [first | changes, *others]}}


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": 5},
        {"algorithm": "x" * 101},
        {"metrics": {"roc_auc": "high"}},
        {"metrics": ["roc_auc"]},
        {"metrics": {f"m{i}": 0.1 for i in range(101)}},
        {"libraries": {"numpy": 2}},
        {"files": 5},
        {"smoke": ["x"] * 16},
        {"smoke": {"a": 1}},
        {"smoke": [[0.1], [0.1, 0.2]]},
        {"signature": CHURN.to_json() | {"classes": [1.5, None]}},
        {"signature": CHURN.to_json() | {"classes": [False, True]}},
        {"signature": CHURN.to_json() | {"target": "half a character: \ud800"}},
        of_feature(name="half a character: \ud800"),
        {"signature": CHURN.to_json() | {"classes": ["no", "half a character: \ud800"]}},
        of_feature(name=5),
        of_feature(minimum=True),
    ],
)
def test_a_sealed_manifest_of_another_shape_is_refused(files: Files, changes: dict[str, Any]) -> None:
    data = json.loads(files[MANIFEST]) | changes
    files[MANIFEST] = json.dumps(data | {"digest": _digest(data)}).encode()
    with pytest.raises(BundleRefused, match=r"no bundle manifest|not what training saw"):
        read_bundle(files)


def test_a_manifest_has_a_largest_size(files: Files) -> None:
    files[MANIFEST] = b"[" * (LARGEST + 1)
    with pytest.raises(BundleRefused, match=r"manifest\.json has 33554433 bytes, at most 33554432 are read"):
        read_bundle(files)


@pytest.mark.parametrize("changes", [{"name": "../up"}, {"version": ""}, {"threshold": 1.5}])
def test_a_manifest_that_could_not_be_stored_is_not_made(files: Files, changes: dict[str, Any]) -> None:
    manifest = read_bundle(files).manifest
    with pytest.raises(ValueError, match=r"use letters|no probability"):
        replace(manifest, **changes)


class Crooked:
    """Answers that a broken library could give."""

    def __init__(self, alone: float, together: float) -> None:
        self.alone, self.together = alone, together

    def score(self, matrix: np.ndarray) -> np.ndarray:
        return np.full(len(matrix), self.alone if len(matrix) == 1 else self.together)


@pytest.mark.parametrize(
    ("scorer", "reason"),
    [
        (Crooked(float("nan"), float("nan")), "gives no probabilities"),
        (Crooked(1.5, 1.5), "gives no probabilities"),
        (Crooked(0.5, float(np.nextafter(0.5, 1))), "depends on its batch"),
    ],
)
def test_a_model_that_answers_nonsense_here_is_refused(
    files: Files, monkeypatch: pytest.MonkeyPatch, scorer: Crooked, reason: str
) -> None:
    monkeypatch.setitem(LOADERS, GRAPH, lambda graph, signature: scorer)
    with pytest.raises(BundleRefused, match=reason):
        read_bundle(files)
