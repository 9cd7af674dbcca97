"""The outlier detector as a part of its bundle."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.bundle import GRAPH, MANIFEST, OUTLIERS, read_bundle, write_bundle
from models.churn import CHURN, LABEL
from models.features import encode
from models.manifest import Manifest, _digest
from models.outliers import DETECTORS, Order, Outliers
from models.simulate import customer_rows, simulate_customers
from models.training import train
from schemas.errors import BundleRefused
from tests.models.conftest import TRAINED_AT
from tests.models.outliers.conftest import customers

Files = Mapping[str, bytes]


def rewritten(files: Files, **changes: Any) -> dict[str, bytes]:
    """The bundle with another word on its detector, sealed anew."""
    manifest = read_bundle(files).manifest
    assert manifest.outliers is not None
    other = replace(manifest, outliers=replace(manifest.outliers, **changes))
    return write_bundle(other, files[GRAPH], detector=files[OUTLIERS])


@pytest.mark.parametrize("name", DETECTORS)
def test_a_trained_bundle_has_the_detector_that_was_ordered(name: str) -> None:
    order = {"signature": CHURN, "name": "churn", "trained_at": TRAINED_AT, "wanted": Order(name, 0.05)}
    bundle = read_bundle(train(simulate_customers(1000, seed=1), LABEL, **order))
    assert bundle.manifest.outliers is not None
    assert (bundle.manifest.outliers.detector, bundle.manifest.outliers.contamination) == (name, 0.05)
    assert bundle.detector is not None
    scores = bundle.detector.score(encode(CHURN, customer_rows(20, seed=2)).matrix)
    assert scores.shape == (20,)


@pytest.mark.no_cover
@pytest.mark.contract("D4")
def test_a_trained_bundle_flags_new_rows_at_the_configured_rate(files: Files) -> None:
    """Within three standard errors, of these rows and of the two fifths of 6000 that the threshold was taken from."""
    detector = read_bundle(files).detector
    assert detector is not None
    rate = detector.said.contamination
    flagged = detector.flags(detector.score(customers(20_000, 6))).mean()
    assert abs(flagged - rate) < 3 * np.sqrt(rate * (1 - rate) * (1 / 20_000 + 1 / 2400))


def test_a_manifest_gives_back_what_it_says_of_the_detector(files: Files) -> None:
    said = read_bundle(files).manifest.outliers
    assert said is not None
    assert Outliers.from_json(json.loads(json.dumps(said.to_json()))) == said
    assert set(json.loads(files[MANIFEST])["files"]) == {GRAPH, OUTLIERS}


def test_a_bundle_without_a_detector_is_the_one_it_was_before_there_were_any(files: Files) -> None:
    old = write_bundle(replace(read_bundle(files).manifest, outliers=None), files[GRAPH])
    assert "outliers" not in json.loads(old[MANIFEST])
    bundle = read_bundle(old)
    assert bundle.detector is None
    assert bundle.manifest.to_bytes() == old[MANIFEST]


def test_a_detector_that_is_not_there_or_not_the_one_refuses_the_bundle(files: Files) -> None:
    with pytest.raises(BundleRefused, match=r"missing from the bundle: \['outliers.onnx'\]"):
        read_bundle({name: content for name, content in files.items() if name != OUTLIERS})
    with pytest.raises(BundleRefused, match=r"outliers.onnx is not the file the manifest was written for"):
        read_bundle({**files, OUTLIERS: files[OUTLIERS][:-1]})
    unnamed = write_bundle(read_bundle(files).manifest, files[GRAPH])
    with pytest.raises(BundleRefused, match=r"missing from the bundle: \['outliers.onnx'\]"):
        read_bundle(unnamed)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"detector": "oracle"}, "unknown outlier detector 'oracle': choose one of isolation_forest.*or upgrade Weir"),
        ({"typical": (0.0,) * 20}, "does not fit the signature"),
        ({"smoke": (0.5,) * 16}, "scores otherwise than where it was fitted"),
        ({"smoke": (0.5,)}, "scores otherwise than where it was fitted"),
    ],
)
def test_a_detector_that_its_manifest_does_not_tell_of_refuses_the_bundle(
    files: Files, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BundleRefused, match=reason):
        read_bundle(rewritten(files, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": float("nan")},
        {"contamination": 0.0},
        {"typical": None},
        {"typical": ["x"]},
        {"threshold": "high"},
    ],
)
def test_a_manifest_that_tells_nonsense_of_a_detector_is_none(files: Files, changes: dict[str, Any]) -> None:
    data = json.loads(files[MANIFEST])
    data["outliers"] |= changes
    with pytest.raises(BundleRefused, match=r"manifest.json is no bundle manifest"):
        Manifest.from_bytes(json.dumps(data | {"digest": _digest(data)}).encode())


def test_flags_are_those_of_the_manifests_threshold(files: Files) -> None:
    detector = read_bundle(rewritten(files, threshold=0.4)).detector
    assert detector is not None
    assert detector.flags(np.array([0.3, 0.4, 0.41])).tolist() == [False, False, True]
