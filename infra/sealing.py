"""Sealing: signing keys as they may lie in a topic, useless without the platform's master secret."""

import os
from base64 import b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import BadSettings

MIN_SECRET = 32
_INFO = b"weir/sealing/v1"
_FORM = "v1."
_NONCE = 12


class Sealer:
    """AES-256-GCM under a key derived from the master secret (HKDF-SHA256), bound to the key id.

    Raises BadSettings where the master secret is shorter than 32 characters.
    """

    __slots__ = ("_cipher",)

    def __init__(self, master_secret: str) -> None:
        if len(master_secret) < MIN_SECRET:
            raise BadSettings(f"WEIR_MASTER_SECRET needs {MIN_SECRET} characters or more: it seals every signing key")
        derived = HKDF(SHA256(), length=32, salt=None, info=_INFO).derive(master_secret.encode())
        self._cipher = AESGCM(derived)

    def seal(self, key_id: str, signing_key: bytes) -> str:
        """The signing key as text: `v1.` and URL-safe base64 of a random nonce and the ciphertext."""
        nonce = os.urandom(_NONCE)
        return _FORM + urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, signing_key, key_id.encode())).decode()

    def open(self, key_id: str, sealed: str) -> bytes:
        """The signing key.

        Raises BadSettings where the text was altered, belongs to another key id or was sealed under another
        master secret; which of these cannot be told.
        """
        try:
            raw = _decode(sealed)
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], key_id.encode())
        except (InvalidTag, ValueError):
            raise BadSettings(
                f"the signing key of {key_id} does not open: check that WEIR_MASTER_SECRET is the one that "
                "the key was created under, or create a new key and revoke this one"
            ) from None


def _decode(sealed: str) -> bytes:
    if not sealed.startswith(_FORM):
        raise ValueError
    return b64decode(sealed.removeprefix(_FORM), altchars=b"-_", validate=True)
