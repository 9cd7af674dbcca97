"""The platform's own key: what its processes and its operators sign commands with, who all know the master secret."""

from datetime import UTC, datetime

from schemas.keys import ApiKey, Credential
from schemas.signing import derived_key

PLATFORM_KEY_ID = "__platform_"
_LABEL = b"weir/platform-signing/v1"


def platform_signing_key(master_secret: str) -> bytes:
    """The 32-byte key that signs the platform's commands."""
    return derived_key(master_secret, _LABEL)


def platform_credential(master_secret: str) -> Credential:
    """The key as a verifier knows it: it may change what is served, and predicts nothing."""
    key = ApiKey(
        key_id=PLATFORM_KEY_ID,
        name="platform",
        key_hash="0" * 64,
        sealed_signing_key="",
        permissions=frozenset({"admin"}),
        created_at=datetime(1970, 1, 1, tzinfo=UTC),
    )
    return Credential(key, platform_signing_key(master_secret))
