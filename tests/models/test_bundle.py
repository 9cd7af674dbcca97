import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from models.bundle import GRAPH, MANIFEST, Bundle, derived_version, read_bundle, write_bundle
from models.churn import CHURN
from models.features import encode
from models.signature import Signature
from models.simulate import customer_rows
from schemas.errors import BundleRefused

Files = dict[str, bytes]

ROWS = customer_rows(1024, seed=5)
MATRIX = encode(CHURN, ROWS).matrix


@pytest.mark.contract("R4")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 500])
def test_a_row_scores_bit_for_bit_alike_whatever_shares_its_batch(bundle: Bundle, size: int) -> None:
    whole = bundle.score(MATRIX)
    parts = [bundle.score(MATRIX[i : i + size]) for i in range(0, len(MATRIX), size)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.contract("R4")
def test_neighbours_and_position_do_not_matter(bundle: Bundle) -> None:
    whole = bundle.score(MATRIX)
    order = np.random.default_rng(0).permutation(len(MATRIX))
    assert bundle.score(MATRIX[order]).tobytes() == whole[order].tobytes()
    assert bundle.score(np.ascontiguousarray(MATRIX[::-1])).tobytes() == whole[::-1].tobytes()


@pytest.mark.contract("R4")
def test_key_order_does_not_change_the_score(bundle: Bundle) -> None:
    turned = encode(CHURN, [dict(sorted(row.items())) for row in ROWS[:50]]).matrix
    assert bundle.score(turned).tobytes() == bundle.score(MATRIX[:50]).tobytes()


def test_no_rows_score_to_nothing(bundle: Bundle) -> None:
    assert bundle.score(MATRIX[:0]).shape == (0,)


@pytest.mark.contract("R5")
def test_probabilities_are_float64_within_0_and_1_and_pairs_sum_to_1(bundle: Bundle) -> None:
    positive = bundle.score(MATRIX)
    assert positive.dtype == np.float64
    assert ((positive >= 0) & (positive <= 1)).all()
    assert ((1 - positive) + positive == 1).all()


@pytest.mark.contract("R5")
def test_the_label_is_positive_from_the_threshold_on(files: Files) -> None:
    bundle = read_bundle(files)
    around = np.array([np.nextafter(bundle.threshold, 0), bundle.threshold, 1.0])
    assert bundle.labels(around) == [0, 1, 1]


@pytest.mark.contract("R2")
def test_an_unseen_category_is_scored(bundle: Bundle) -> None:
    encoded = encode(CHURN, [ROWS[0] | {"payment_method": "seashells"}])
    assert np.isfinite(bundle.score(encoded.matrix)).all()


def test_a_bundle_says_what_it_is(files: Files) -> None:
    bundle = read_bundle(files)
    assert (bundle.name, bundle.target, bundle.signature) == ("churn", "churn", CHURN)
    assert bundle.version == derived_version(bundle.manifest.training.trained_at, files[GRAPH])


def test_versions_sort_by_time_wherever_the_trainer_stood() -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    earlier = datetime(2026, 11, 24, 13, 59, tzinfo=timezone(timedelta(hours=2)))
    assert derived_version(noon, b"a").startswith("20261124-120000-")
    assert derived_version(earlier, b"b") < derived_version(noon, b"a")
    assert derived_version(noon, b"a") != derived_version(noon, b"b")


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
        read_bundle(write_bundle(narrow, files[GRAPH]))


def test_a_sealed_manifest_for_other_answers_is_refused(files: Files) -> None:
    manifest = read_bundle(files).manifest
    other = replace(manifest, smoke=tuple(p / 2 for p in manifest.smoke))
    with pytest.raises(BundleRefused, match="not what training saw"):
        read_bundle(write_bundle(other, files[GRAPH]))


@pytest.mark.parametrize("profile", [{}, {name: {"edges": ["a"]} for name in CHURN.names}])
def test_a_sealed_manifest_with_another_profile_is_refused(files: Files, profile: dict[str, Any]) -> None:
    manifest = replace(read_bundle(files).manifest, profile=profile)
    with pytest.raises(BundleRefused, match="profile does not fit"):
        read_bundle(write_bundle(manifest, files[GRAPH]))


@pytest.mark.parametrize("changes", [{"name": "../up"}, {"version": ""}, {"threshold": 1.5}])
def test_a_manifest_that_could_not_be_stored_is_not_made(files: Files, changes: dict[str, Any]) -> None:
    manifest = read_bundle(files).manifest
    with pytest.raises(ValueError, match=r"use letters|no probability"):
        replace(manifest, **changes)


def test_writing_what_was_read_gives_the_same_bytes(files: Files) -> None:
    assert write_bundle(read_bundle(files).manifest, files[GRAPH]) == files


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
    monkeypatch.setattr("models.bundle.load", lambda graph, width: scorer)
    with pytest.raises(BundleRefused, match=reason):
        read_bundle(files)
