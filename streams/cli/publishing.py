"""What `weir models publish` does between its options and the store: files in, bundle files out."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.artifacts import LARGEST_FILE
from models.publishing import bundled
from models.signature_file import read_signature_file
from schemas.errors import BundleRefused, InvalidRequest, Undecodable


@dataclass(frozen=True)
class PublishingOrder:
    """The options of `weir models publish`."""

    onnx: Path
    signature: Path
    name: str


def published(order: PublishingOrder, now: datetime) -> dict[str, bytes]:
    """The files of a bundle that a scorer takes. Raises InvalidRequest, BundleRefused."""
    try:
        declared = read_signature_file(order.signature.read_bytes())
    except Undecodable as error:
        raise InvalidRequest(f"{order.signature} is no readable signature file: {error}") from error
    if (size := order.onnx.stat().st_size) > LARGEST_FILE:
        raise BundleRefused(f"{order.onnx} has {size} bytes, at most {LARGEST_FILE} fit: shrink the model")
    return bundled(order.onnx.read_bytes(), declared, name=order.name, published_at=now, source=order.onnx.name)
