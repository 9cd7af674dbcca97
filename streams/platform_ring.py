"""The keys as the control agent knows them: every API key, and the platform's own."""

from infra.auth import SealedKeyRing
from schemas.keys import Credential
from schemas.platform_key import PLATFORM_KEY_ID, platform_credential
from streams.settings import Settings


class PlatformRing:
    """A key ring that also knows what the platform signs with."""

    def __init__(self, ring: SealedKeyRing, settings: Settings) -> None:
        self._ring = ring
        self._platform = PlatformKey(settings.weir_master_secret.get_secret_value())
        previous = settings.weir_master_secret_previous.get_secret_value()
        self.former = PlatformKey(previous) if previous else None

    @property
    def allows_plain(self) -> bool:
        return self._ring.allows_plain

    def by_id(self, key_id: str) -> Credential | None:
        """The credential, valid or not, or None where the id is unknown."""
        return self._platform.by_id(key_id) or self._ring.by_id(key_id)

    def by_plain_key(self, api_key: str) -> Credential | None:
        """The credential of a key that a record brings as it is; None where it is unknown or that is not allowed."""
        return self._ring.by_plain_key(api_key)


class PlatformKey:
    """A key ring of the platform's own key alone, as one master secret has it."""

    allows_plain = False

    def __init__(self, master_secret: str) -> None:
        self._credential = platform_credential(master_secret)

    def by_id(self, key_id: str) -> Credential | None:
        """The credential under the platform's own id."""
        return self._credential if key_id == PLATFORM_KEY_ID else None

    def by_plain_key(self, api_key: str) -> Credential | None:
        """None: nobody brings it as it is."""
        return None
