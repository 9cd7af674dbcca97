"""Record signatures: who sent this record, and that it is as it was sent.

The signing key is derived from the API key, so a producer needs nothing but its key; the scorer gets the signing
key from the sealed copy beside the key's hash and never sees the API key itself.
"""

import hmac
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

DERIVATION_LABEL = b"weir/record-signing/v1"
SIGNATURE_LABEL = b"weir1"
MAX_AGE_MS = 5 * 60 * 1000
LONGEST_EPOCH = 15
"""Digits of an epoch in milliseconds that is looked at: thirty thousand years."""


def signing_key(api_key: str) -> bytes:
    """The 32-byte key that signs an API key's records."""
    return derived_key(api_key, DERIVATION_LABEL)


def derived_key(secret: str, label: bytes) -> bytes:
    """A 32-byte key for one purpose, named by the label: HMAC-SHA256 of it under the secret."""
    return hmac.digest(secret.encode(), label, "sha256")


def signature(key: bytes, *, topic: str, request_id: bytes, record_key: bytes, signed_at: bytes, body: bytes) -> bytes:
    """Hex HMAC-SHA256 over label, topic, request id, record key, signed-at and body digest, joined by newlines.

    signed_at: epoch milliseconds as decimal text. None of the parts before the digest may hold a newline
    (the scorer refuses it), so the joining is unambiguous.
    """
    digest = sha256(body).hexdigest().encode()
    message = b"\n".join((SIGNATURE_LABEL, topic.encode(), request_id, record_key, signed_at, digest))
    return hmac.digest(key, message, "sha256").hex().encode()


def verify(key: bytes, given: bytes, *parts: bytes) -> bool:
    """Whether `given` is the signature of these parts, compared in constant time.

    parts: topic, request id, record key, signed-at, hex SHA-256 of the body.
    """
    return verifier(key).fits(given, parts)


class Verifier:
    """Tells one key's signatures from others.

    Holds both hashes of HMAC (RFC 2104) after the key's own block, which hmac.digest would hash anew for each record,
    the inner one after the label too.

    key: at most 64 bytes, the block of SHA-256.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block) + SIGNATURE_LABEL + b"\n")
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def fits(self, given: bytes, parts: Sequence[bytes]) -> bool:
        """Whether `given` is the signature of these parts, compared in constant time; parts as for `verify`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(b"\n".join(parts))
        outer.update(inner.digest())
        return hmac.compare_digest(outer.hexdigest().encode(), given)


@lru_cache(maxsize=4096)
def verifier(key: bytes) -> Verifier:
    """The key's verifier, made once: hashing its block costs more than telling a signature."""
    return Verifier(key)


def is_fresh(signed_at: bytes, record_timestamp: int) -> bool:
    """Whether the record was signed within five minutes of its own timestamp (both epoch milliseconds)."""
    try:
        return abs(record_timestamp - int(signed_at)) <= MAX_AGE_MS
    except ValueError:
        return False
