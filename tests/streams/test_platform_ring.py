"""What the control agent knows of the platform's own key."""

from agents.ports import KeyRing
from infra.auth import SealedKeyRing
from infra.sealing import Sealer
from schemas.platform_key import PLATFORM_KEY_ID, platform_signing_key
from streams.platform_ring import PlatformRing
from streams.settings import Settings

NEW, OLD = "n" * 32, "o" * 32


def signing_key(ring: KeyRing | None) -> bytes:
    credential = None if ring is None else ring.by_id(PLATFORM_KEY_ID)
    assert credential is not None
    return credential.signing_key


def test_the_platform_is_known_under_both_secrets_while_one_replaces_the_other() -> None:
    sealed = SealedKeyRing(Sealer(NEW, OLD))
    ring = PlatformRing(sealed, Settings(weir_master_secret=NEW, weir_master_secret_previous=OLD))
    assert (signing_key(ring), signing_key(ring.former)) == (platform_signing_key(NEW), platform_signing_key(OLD))
    assert PlatformRing(sealed, Settings(weir_master_secret=NEW)).former is None
    assert sealed.by_id(PLATFORM_KEY_ID) is None, "scorers and the sink take nothing that the platform signs"
