"""What `weir models publish` does between its options and the store: files in, bundle files out."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.artifacts import LARGEST_FILE
from models.bundle import GRAPH, SKOPS
from models.publishing import bundled
from models.signature_file import read_signature_file
from schemas.errors import BundleRefused, InvalidRequest, Undecodable


@dataclass(frozen=True)
class PublishingOrder:
    """The options of `weir models publish`; either the graph or the estimator is given."""

    onnx: Path | None
    skops: Path | None
    signature: Path
    name: str


def published(order: PublishingOrder, now: datetime) -> dict[str, bytes]:
    """The files of a bundle that a scorer takes. Raises InvalidRequest, BundleRefused."""
    try:
        declared = read_signature_file(order.signature.read_bytes())
    except Undecodable as error:
        raise InvalidRequest(f"{order.signature} is no readable signature file: {error}") from error
    model = order.onnx or order.skops
    assert model is not None
    if (size := model.stat().st_size) > LARGEST_FILE:
        raise BundleRefused(f"{model} has {size} bytes, at most {LARGEST_FILE} fit: shrink the model")
    file = GRAPH if order.onnx else SKOPS
    content = model.read_bytes()
    return bundled(content, declared, name=order.name, published_at=now, file=file, source=model.name)
