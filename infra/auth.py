"""API keys: the manager that changes them, and the ring that holds them ready for those who verify records."""

import logging
import os
from importlib import import_module
from typing import Protocol

from infra.kafka import KafkaSettings, client_options
from infra.key_manager import KeyManager
from infra.key_store import TopicKeyStore
from infra.key_table import KeyTable
from infra.sealing import Sealer, SealingSettings
from schemas.errors import BadSettings
from schemas.keys import ApiKey, Credential, hash_api_key

__all__ = ["KeyManager", "SealedKeyRing", "get_key_manager"]

_log = logging.getLogger("weir.keys")


class SealedKeyRing:
    """The current keys as scorers and gateways hold them, fed record by record from the `api-keys` topic.

    allow_plain: whether a record may bring its key as it is.
    """

    def __init__(self, sealer: Sealer, *, allow_plain: bool = False) -> None:
        self._sealer = sealer
        self.allows_plain = allow_plain
        self._table = KeyTable()
        self._ids_by_hash: dict[str, str] = {}
        self._opened: dict[str, Credential | None] = {}
        self._warned: set[str] = set()

    def update(self, key_id: str, value: bytes | None) -> None:
        """Takes over one record: a key as JSON, or None, which removes it. What is no key is ignored."""
        known = self._table.keys.get(key_id)
        if not self._table.update(key_id, value):
            return
        if known is not None:
            self._ids_by_hash.pop(known.key_hash, None)
        self._opened.pop(key_id, None)
        if key_id in self._table.keys:
            self._ids_by_hash[self._table.keys[key_id].key_hash] = key_id

    def line(self, key_id: str) -> str:
        """The id that all keys of a rotated line share, the id itself where no such key is known."""
        key = self._table.keys.get(key_id)
        return key_id if key is None else key.line

    def by_id(self, key_id: str) -> Credential | None:
        """The credential, valid or not; None where the id is unknown or its signing key does not open."""
        if key_id not in self._opened and key_id in self._table.keys:
            self._opened[key_id] = self._open(self._table.keys[key_id])
        return self._opened.get(key_id)

    def by_api_key(self, api_key: str) -> Credential | None:
        """The credential of a plain key, valid or not; None where it is unknown."""
        key_id = self._ids_by_hash.get(hash_api_key(api_key))
        return None if key_id is None else self.by_id(key_id)

    def by_plain_key(self, api_key: str) -> Credential | None:
        """The credential of a key that a record brings as it is; None where it is unknown or that is not allowed."""
        credential = self.by_api_key(api_key) if self.allows_plain else None
        if credential is not None and credential.key.key_id not in self._warned:
            self._warned.add(credential.key.key_id)
            _log.warning("records of %s bring the key itself: let their producer sign them", credential.key.key_id)
        return credential

    def check(self) -> None:
        """Raises BadSettings where keys are known and none of them opens: the secret is another one."""
        keys = self._table.keys
        if keys and not any(self.by_id(key_id) for key_id in keys):
            raise BadSettings(
                f"none of {len(keys)} API keys opens under WEIR_MASTER_SECRET: start this process with "
                "the secret that they were created under"
            )

    def _open(self, key: ApiKey) -> Credential | None:
        try:
            return Credential(key, self._sealer.open(key.key_id, key.sealed_signing_key))
        except BadSettings as error:
            _log.error("%s", error)
            return None


class KeySettings(KafkaSettings, SealingSettings, Protocol):
    """What a key manager is configured by, as `streams.settings.Settings` says it."""

    @property
    def rate_limit_per_hour(self) -> int: ...
    @property
    def rate_limit_burst(self) -> int: ...
    def topic(self, name: str) -> str: ...


def get_key_manager(settings: KeySettings | None = None, *, timeout_s: float = 10.0) -> KeyManager:
    """The key manager over the `api-keys` topic that these settings name; without any, the environment's.

    timeout_s: for each read and each write.
    """
    if settings is None:
        # Users call this with nothing, and only streams.settings reads the environment: the one look upwards
        # of this floor, by name and when called, so that importing infra still needs nothing above it.
        settings = import_module("streams.settings").Settings.read(os.environ)
    topic, audit_topic = settings.topic("api-keys"), settings.topic("audit-events")
    return KeyManager(
        TopicKeyStore(client_options(settings), topic, audit_topic, timeout_s),
        Sealer.of(settings),
        default_rate_limit=settings.rate_limit_per_hour,
        default_burst=settings.rate_limit_burst,
    )
