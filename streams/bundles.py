"""Bundles of a model store, verified and warmed up."""

import numpy as np

from infra import artifacts
from models.bundle import MANIFEST, OUTLIERS, Bundle, read_bundle
from models.bundle_detector import read_detector
from models.manifest import Manifest
from models.outliers import Detector
from schemas.errors import BadSettings, BundleRefused, Unavailable

WARM_ROWS = 500


class BundleStore:
    """The bundles behind a store's URL. Raises BadSettings where it is none."""

    def __init__(self, url: str) -> None:
        artifacts.open_store(url)
        self._url = url

    def latest(self, name: str) -> str:
        """The newest version of a model. Raises BundleRefused where it has none, Unavailable."""
        return artifacts.latest(self._url, name)

    def names(self) -> list[str]:
        """The models that have a version. Raises Unavailable."""
        return artifacts.names(self._url)

    def versions(self, name: str) -> list[str]:
        """Every version of a model, oldest first. Raises Unavailable."""
        return artifacts.versions(self._url, name)

    def manifest(self, name: str, version: str) -> Manifest:
        """What a version says of itself, without the model. Raises BundleRefused, Unavailable."""
        try:
            files = artifacts.fetch(self._url, name, version, only=(MANIFEST,))
        except BadSettings as error:
            raise Unavailable("model store", str(error)) from error
        return Manifest.from_bytes(files.get(MANIFEST, b""))

    def detector(self, manifest: Manifest) -> Detector | None:
        """The outlier detector beside a model, without the model. Raises BundleRefused, Unavailable."""
        if manifest.outliers is None:
            return None
        try:
            files = artifacts.fetch(self._url, manifest.name, manifest.version, only=(OUTLIERS,))
        except BadSettings as error:
            raise Unavailable("model store", str(error)) from error
        return read_detector(manifest, files)

    def load(self, name: str, version: str) -> Bundle:
        """A version that may serve: fetched, verified, tried on its smoke rows, and warm.

        Raises BundleRefused saying what is wrong and what to do, Unavailable.
        """
        try:
            bundle = read_bundle(artifacts.fetch(self._url, name, version))
        except BadSettings as error:  # a bucket that refuses now: whoever serves something goes on with that
            raise Unavailable("model store", str(error)) from error
        if (bundle.name, bundle.version) != (name, version):
            raise BundleRefused(f"{name} {version} holds {bundle.name} {bundle.version}: publish it again")
        # The first run of a size allocates what the later ones use again. Its rows were answered before: elsewhere, as
        # at zero where no feature may be zero, a graph may fail.
        bundle.score(np.resize(bundle.typical, (WARM_ROWS, len(bundle.signature.features))))
        return bundle
