"""Sealing: signing keys as they may lie in a topic, useless without the platform's master secret."""

import os
from base64 import b64decode, urlsafe_b64encode
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from schemas.errors import BadSettings

MIN_SECRET = 32
_INFO = b"weir/sealing/v1"
_FORM = "v1."
_NONCE = 12


class SealingSettings(Protocol):
    """The master secrets, as `streams.settings.Settings` says them."""

    @property
    def weir_master_secret(self) -> SecretStr: ...
    @property
    def weir_master_secret_previous(self) -> SecretStr: ...


class Sealer:
    """AES-256-GCM under a key derived from the master secret (HKDF-SHA256), bound to the key id.

    previous: the secret before this one, empty without any: what was sealed under it still opens.
    Raises BadSettings where a secret is shorter than 32 characters.
    """

    __slots__ = ("_cipher", "_ciphers")

    def __init__(self, master_secret: str, previous: str = "") -> None:
        self._cipher = _cipher("WEIR_MASTER_SECRET", master_secret)
        self._ciphers = [self._cipher]
        if previous:
            self._ciphers.append(_cipher("WEIR_MASTER_SECRET_PREVIOUS", previous))

    @classmethod
    def of(cls, settings: SealingSettings) -> Self:
        """The sealer of these settings."""
        previous = settings.weir_master_secret_previous.get_secret_value()
        return cls(settings.weir_master_secret.get_secret_value(), previous)

    def seal(self, key_id: str, signing_key: bytes) -> str:
        """The signing key as text: `v1.` and URL-safe base64 of a random nonce and the ciphertext."""
        nonce = os.urandom(_NONCE)
        return _FORM + urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, signing_key, key_id.encode())).decode()

    def open(self, key_id: str, sealed: str) -> bytes:
        """The signing key.

        Raises BadSettings where the text was altered, belongs to another key id or was sealed under another
        master secret; which of these cannot be told.
        """
        for cipher in self._ciphers:
            opened = _opened(cipher, key_id, sealed)
            if opened is not None:
                return opened
        raise BadSettings(
            f"the signing key of {key_id} does not open: check that WEIR_MASTER_SECRET, or "
            "WEIR_MASTER_SECRET_PREVIOUS, is the one that the key was created under, or create a new key and revoke "
            "this one"
        )

    def opens(self, key_id: str, sealed: str) -> bool:
        """Whether it opens at all."""
        return any(_opened(cipher, key_id, sealed) is not None for cipher in self._ciphers)

    def is_current(self, key_id: str, sealed: str) -> bool:
        """Whether it opens without the previous secret."""
        return _opened(self._cipher, key_id, sealed) is not None


def _cipher(name: str, secret: str) -> AESGCM:
    if len(secret) < MIN_SECRET:
        raise BadSettings(f"{name} needs {MIN_SECRET} characters or more: it seals every signing key")
    return AESGCM(HKDF(SHA256(), length=32, salt=None, info=_INFO).derive(secret.encode()))


def _opened(cipher: AESGCM, key_id: str, sealed: str) -> bytes | None:
    try:
        raw = _decode(sealed)
        return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], key_id.encode())
    except (InvalidTag, ValueError):
        return None


def _decode(sealed: str) -> bytes:
    if not sealed.startswith(_FORM):
        raise ValueError
    return b64decode(sealed.removeprefix(_FORM), altchars=b"-_", validate=True)
