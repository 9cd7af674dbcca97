"""What versions are held against, from their bundles: a detector that is missing or refused costs outliers alone."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infra import artifacts
from models.bundle import GRAPH, OUTLIERS, read_bundle, write_bundle
from models.churn import CHURN, LABEL
from models.features import encode
from models.simulate import customer_rows, simulate_customers
from models.training import train
from streams.bundles import BundleStore
from streams.references import BundleReferences
from tests.models.conftest import TRAINED_AT

Files = Mapping[str, bytes]


@pytest.fixture(scope="module")
def files() -> Files:
    return train(simulate_customers(1000, seed=1), LABEL, signature=CHURN, name="churn", trained_at=TRAINED_AT)


def stored(folder: Path, version: str, files: Files) -> BundleReferences:
    artifacts.publish(folder.as_uri(), "churn", version, files)
    bundles = BundleStore(folder.as_uri())
    return BundleReferences(bundles.manifest, bundles.detector)


async def test_a_version_is_watched_with_its_detector_and_threshold(tmp_path: Path, files: Files) -> None:
    bundle = read_bundle(files)
    watched = await stored(tmp_path, bundle.version, files)("churn", bundle.version)
    assert watched is not None
    assert watched.threshold == bundle.threshold
    matrix = encode(CHURN, customer_rows(50, seed=2)).matrix
    assert watched.detector is not None
    assert bundle.detector is not None
    assert np.array_equal(watched.detector.score(matrix), bundle.detector.score(matrix))


async def test_an_altered_detector_is_refused_and_the_version_watched_without(
    tmp_path: Path, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    version = read_bundle(files).version
    watched = await stored(tmp_path, version, {**files, OUTLIERS: files[OUTLIERS] + b" "})("churn", version)
    assert watched is not None
    assert (watched.detector, watched.undetected) == (None, "refused")
    assert "outliers.onnx is not the file the manifest was written for" in caplog.text


async def test_a_version_that_has_no_detector_is_watched_without(tmp_path: Path, files: Files) -> None:
    manifest = replace(read_bundle(files).manifest, outliers=None)
    version = manifest.version
    watched = await stored(tmp_path, version, write_bundle(manifest, files[GRAPH]))("churn", version)
    assert watched is not None
    assert (watched.detector, watched.undetected) == (None, "no_detector")


async def test_a_version_that_is_not_there_is_not_watched(tmp_path: Path, files: Files) -> None:
    references = stored(tmp_path, read_bundle(files).version, files)
    assert await references("churn", "another") is None
