"""What the rows of model versions are held against, read from their bundles."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from agents.sketching import Watched
from models.drift import reference_of
from models.importance import importance_of
from models.manifest import Manifest
from models.outliers import Detector
from schemas.errors import BundleRefused

log = logging.getLogger("weir.drift")

AGAIN_S = 60.0


class BundleReferences:
    """The references of versions, each loaded once; what cannot be loaded is asked for again after a minute.

    load: (model, version) -> its manifest. detector: of that manifest, if it has one.
    Both raise BundleRefused, Unavailable; in a thread.
    """

    def __init__(self, load: Callable[[str, str], Manifest], detector: Callable[[Manifest], Detector | None]) -> None:
        self._load = load
        self._detector = detector
        self._known: dict[tuple[str, str], Watched | None] = {}
        self._missed: dict[tuple[str, str], float] = {}

    async def __call__(self, model: str, version: str) -> Watched | None:
        """None of a version that cannot be loaded, or whose training nobody here saw. Raises Unavailable."""
        name = model, version
        if name not in self._known and monotonic() - self._missed.get(name, -AGAIN_S) >= AGAIN_S:
            try:
                self._known[name] = await asyncio.to_thread(self._watched, model, version)
            except BundleRefused as error:
                log.warning("%s %s is not watched for drift: %s", model, version, error)
                self._missed[name] = monotonic()
        return self._known.get(name)

    def _watched(self, model: str, version: str) -> Watched | None:
        manifest = self._load(model, version)
        found = watched(manifest)
        try:
            return found and replace(found, detector=self._detector(manifest))
        except BundleRefused as error:
            log.warning("outliers of %s %s are not told: %s", model, version, error)
            return found and replace(found, undetected="refused")


def watched(manifest: Manifest) -> Watched | None:
    """None where it has no reference profile, as of a model that was trained elsewhere."""
    reference = reference_of(manifest.signature, manifest.profile)
    if reference is None:
        log.warning("%s %s has no reference profile: its drift cannot be told", manifest.name, manifest.version)
        return None
    importance = importance_of(manifest.profile)
    return Watched(manifest.signature, reference, threshold=manifest.threshold, importance=importance)
