"""A model that was trained elsewhere, with the signature that its owner wrote down, as the files of a bundle."""

from datetime import datetime
from importlib.metadata import version as installed

from models.bundle import GRAPH, LOADERS, SKOPS, derived_version, read_bundle, refuse_pickles, smoke, write_bundle
from models.manifest import Manifest, check_name
from models.signature_file import SignatureFile

ALGORITHMS = {GRAPH: "onnx", SKOPS: "scikit-learn"}

_LIBRARIES = {GRAPH: ("numpy", "onnx", "onnxruntime"), SKOPS: ("numpy", "scikit-learn", "scipy", "skops")}


def bundled(
    model: bytes,
    declared: SignatureFile,
    *,
    name: str,
    published_at: datetime,
    file: str = GRAPH,
    source: str | None = None,
) -> dict[str, bytes]:
    """The files of a bundle that `read_bundle` takes; nothing is known of training, metrics and training data.

    file: the model's name in the bundle, which says its form. source: the name that it had before.
    Raises InvalidRequest for a bad name, BundleRefused for a model that must not serve.
    """
    check_name(name)
    refuse_pickles({source or file: model})
    signature = declared.signature()
    scorer = LOADERS[file](model, signature)
    manifest = Manifest(
        name=name,
        version=derived_version(published_at, model),
        threshold=declared.used_threshold(),
        algorithm=ALGORITHMS[file],
        signature=signature,
        training=None,
        metrics={},
        profile=None,
        smoke=tuple(smoke(scorer, signature, None).tolist()),
        libraries={library: installed(library) for library in _LIBRARIES[file]},
    )
    files = write_bundle(manifest, model, file)
    read_bundle(files)
    return files
