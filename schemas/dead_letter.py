"""Dead letters: what could not be processed, with enough to find, understand and replay it."""

from base64 import b64encode
from typing import Any

from schemas.errors import MAX_MESSAGE
from schemas.masked import masked, masked_bytes
from schemas.message import Emission, Record
from schemas.wire import encode

MAX_KEPT_BYTES = 256 * 1024


def dead_letter(topic: str, record: Record, reason: str, message: str, *, attempt: int = 1) -> Emission:
    """The dead letter of a record: reason code, position and the original bytes (base64, capped), never its
    signature or key headers, nor an API key that stands in what is kept."""
    value = masked_bytes(record.value or b"")
    body: dict[str, Any] = {
        "reason": reason,
        "message": masked(message)[:MAX_MESSAGE],
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "attempt": attempt,
        "size": len(value),
        "truncated": len(value) > MAX_KEPT_BYTES,
        "value": b64encode(value[:MAX_KEPT_BYTES]).decode(),
        "headers": {name: _text(content) for name, content in record.headers[:64] if name in _KEPT},
    }
    return Emission(topic, None if record.key is None else masked_bytes(record.key)[:1024], encode(body))


_KEPT = frozenset({"request-id", "key-id", "deadline-ms", "traceparent", "schema-version"})


def _text(content: bytes | None) -> str:
    return masked((content or b"")[:256].decode("utf-8", "replace"))
