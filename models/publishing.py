"""A graph that was trained elsewhere, with the signature that its owner wrote down, as the files of a bundle."""

from datetime import datetime
from importlib.metadata import version as installed

from models.bundle import derived_version, read_bundle, refuse_pickles, smoke, write_bundle
from models.manifest import Manifest, check_name
from models.onnx import load
from models.signature_file import SignatureFile

ALGORITHM = "onnx"

_LIBRARIES = ("numpy", "onnx", "onnxruntime")


def bundled(
    graph: bytes, declared: SignatureFile, *, name: str, published_at: datetime, source: str = "model.onnx"
) -> dict[str, bytes]:
    """The files of a bundle that `read_bundle` takes; nothing is known of training, metrics and training data.

    source: the graph's file name. Raises InvalidRequest for a bad name, BundleRefused for a graph that must not serve.
    """
    check_name(name)
    refuse_pickles({source: graph})
    signature = declared.signature()
    scorer = load(graph, signature)
    manifest = Manifest(
        name=name,
        version=derived_version(published_at, graph),
        threshold=declared.used_threshold(),
        algorithm=ALGORITHM,
        signature=signature,
        training=None,
        metrics={},
        profile=None,
        smoke=tuple(smoke(scorer, signature, None).tolist()),
        libraries={library: installed(library) for library in _LIBRARIES},
    )
    files = write_bundle(manifest, graph)
    read_bundle(files)
    return files
