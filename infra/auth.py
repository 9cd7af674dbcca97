"""API keys: made, checked, revoked, and held ready for those who verify records."""

import logging
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Protocol

from pydantic import SecretStr

from infra.kafka import KafkaSettings, client_options
from infra.key_arguments import check_name, limits
from infra.key_store import KeyStore, TopicKeyStore, read_key
from infra.sealing import Sealer
from schemas.errors import BadSettings
from schemas.keys import (
    DEFAULT_PER_HOUR,
    ApiKey,
    Credential,
    check_permissions,
    expiry,
    hash_api_key,
    looks_like_key,
    new_api_key,
    new_key_id,
)
from schemas.signing import signing_key

Clock = Callable[[], datetime]
"""Now, in UTC."""

_log = logging.getLogger("weir.keys")


class KeyManager:
    """Creates, checks and revokes keys in a store.

    default_rate_limit, default_burst: of a key that names neither a limit nor a tier.
    """

    def __init__(
        self,
        store: KeyStore,
        sealer: Sealer,
        clock: Clock = lambda: datetime.now(UTC),
        *,
        default_rate_limit: int = DEFAULT_PER_HOUR,
        default_burst: int | None = None,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._default = (default_rate_limit, default_burst)

    def create_key(
        self,
        name: str,
        permissions: Sequence[str] | None = None,
        rate_limit: int | None = None,
        expires_in_days: int | None = None,
        *,
        tier: str | None = None,
        burst: int | None = None,
        test: bool = False,
    ) -> str:
        """A new key: its plain text, which is kept nowhere and cannot be shown again.

        permissions: of predict (the default), monitor, admin. rate_limit: tokens per hour, else the tier's.
        Raises InvalidRequest naming the argument that is wrong.
        """
        per_hour, capacity = limits(rate_limit, tier, burst, self._default)
        api_key, key_id, now = new_api_key(test=test), new_key_id(), self._clock()
        self._store.put(
            ApiKey(
                key_id=key_id,
                name=check_name(name),
                key_hash=hash_api_key(api_key),
                sealed_signing_key=self._sealer.seal(key_id, signing_key(api_key)),
                permissions=check_permissions(["predict"] if permissions is None else permissions),
                rate_limit=per_hour,
                burst=capacity,
                tier=tier or "basic",
                created_at=now,
                expires_at=expiry(now, expires_in_days),
            )
        )
        return api_key

    def validate_key(self, api_key: str) -> ApiKey | None:
        """The key's record, or None where it is unknown, expired or revoked."""
        if not looks_like_key(api_key):
            return None
        wanted, now = hash_api_key(api_key), self._clock()
        return next((key for key in self._store.all() if key.key_hash == wanted and key.is_valid_at(now)), None)

    def revoke_key(self, key_id: str) -> bool:
        """True where this call revoked the key, False where it is unknown or was revoked before."""
        key = self._store.get(key_id)
        if key is None or key.revoked_at is not None:
            return False
        self._store.put(key.revoked(self._clock()))
        return True

    def list_keys(self) -> list[ApiKey]:
        """Every key, revoked and expired ones too, the oldest first."""
        return sorted(self._store.all(), key=lambda key: key.created_at)

    def get(self, key_id: str) -> ApiKey | None:
        """The key with this id, valid or not."""
        return self._store.get(key_id)


class SealedKeyRing:
    """The current keys as scorers and gateways hold them, fed record by record from the `api-keys` topic."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._keys: dict[str, ApiKey] = {}
        self._ids_by_hash: dict[str, str] = {}
        self._opened: dict[str, Credential | None] = {}

    def update(self, key_id: str, value: bytes | None) -> None:
        """Takes over one record: a key as JSON, or None, which removes it. What is no key is ignored."""
        key = None if value is None else read_key(key_id, value)
        if key is None and value is not None:
            return
        known = self._keys.pop(key_id, None)
        if known is not None:
            self._ids_by_hash.pop(known.key_hash, None)
        self._opened.pop(key_id, None)
        if key is not None:
            self._keys[key_id] = key
            self._ids_by_hash[key.key_hash] = key_id

    def by_id(self, key_id: str) -> Credential | None:
        """The credential, valid or not; None where the id is unknown or its signing key does not open."""
        if key_id not in self._opened and key_id in self._keys:
            self._opened[key_id] = self._open(self._keys[key_id])
        return self._opened.get(key_id)

    def by_api_key(self, api_key: str) -> Credential | None:
        """The credential of a plain key, valid or not; None where it is unknown."""
        key_id = self._ids_by_hash.get(hash_api_key(api_key))
        return None if key_id is None else self.by_id(key_id)

    def check(self) -> None:
        """Raises BadSettings where keys are known and none of them opens: the secret is another one."""
        if self._keys and not any(self.by_id(key_id) for key_id in self._keys):
            raise BadSettings(
                f"none of {len(self._keys)} API keys opens under WEIR_MASTER_SECRET: start this process with "
                "the secret that they were created under"
            )

    def _open(self, key: ApiKey) -> Credential | None:
        try:
            return Credential(key, self._sealer.open(key.key_id, key.sealed_signing_key))
        except BadSettings as error:
            _log.error("%s", error)
            return None


class KeySettings(KafkaSettings, Protocol):
    """What a key manager is configured by, as `streams.settings.Settings` says it."""

    @property
    def weir_master_secret(self) -> SecretStr: ...
    @property
    def rate_limit_per_hour(self) -> int: ...
    @property
    def rate_limit_burst(self) -> int: ...
    def topic(self, name: str) -> str: ...


def get_key_manager(settings: KeySettings | None = None) -> KeyManager:
    """The key manager over the `api-keys` topic that these settings name; without any, the environment's."""
    if settings is None:
        # Users call this with nothing, and only streams.settings reads the environment: the one look upwards
        # of this floor, by name and when called, so that importing infra still needs nothing above it.
        settings = import_module("streams.settings").Settings.read(os.environ)
    return KeyManager(
        TopicKeyStore(client_options(settings), settings.topic("api-keys")),
        Sealer(settings.weir_master_secret.get_secret_value()),
        default_rate_limit=settings.rate_limit_per_hour,
        default_burst=settings.rate_limit_burst,
    )
