"""The outlier detector of a bundle, read without the model that it stands beside."""

import hashlib
from collections.abc import Mapping

from models import outliers
from models.bundle import OUTLIERS
from models.manifest import Manifest
from schemas.errors import BundleRefused


def read_detector(manifest: Manifest, files: Mapping[str, bytes]) -> outliers.Detector | None:
    """Verify, load and try it; None where the manifest tells of none. Raises BundleRefused."""
    if manifest.outliers is None:
        return None
    content, facts = files.get(OUTLIERS, b""), manifest.files.get(OUTLIERS)
    if facts != {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}:
        raise BundleRefused(f"{OUTLIERS} is not the file the manifest was written for: publish the bundle again")
    return outliers.load(content, manifest.outliers, manifest.signature, manifest.profile)
