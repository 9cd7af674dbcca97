"""The keys as the control agent knows them: every API key, and the platform's own."""

from infra.auth import SealedKeyRing
from schemas.keys import Credential
from schemas.platform_key import PLATFORM_KEY_ID, platform_credential
from streams.settings import Settings


class PlatformRing:
    """A key ring that also knows what the platform signs with."""

    def __init__(self, ring: SealedKeyRing, settings: Settings) -> None:
        self._ring = ring
        self._platform = platform_credential(settings.weir_master_secret.get_secret_value())

    @property
    def allows_plain(self) -> bool:
        return self._ring.allows_plain

    def by_id(self, key_id: str) -> Credential | None:
        """The credential, valid or not, or None where the id is unknown."""
        return self._platform if key_id == PLATFORM_KEY_ID else self._ring.by_id(key_id)

    def by_plain_key(self, api_key: str) -> Credential | None:
        """The credential of a key that a record brings as it is; None where it is unknown or that is not allowed."""
        return self._ring.by_plain_key(api_key)
