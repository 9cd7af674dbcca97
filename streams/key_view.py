"""The current keys for a worker that verifies records."""

from contextlib import AsyncExitStack

from infra.auth import SealedKeyRing
from infra.sealing import Sealer
from streams.compacted import CompactedView
from streams.settings import Settings
from streams.topics import API_KEYS


async def follow_keys(settings: Settings, things: AsyncExitStack) -> tuple[SealedKeyRing, CompactedView]:
    """Every key there is, and the view that keeps them current until `things` close.

    Raises Unavailable where the topic cannot be read, BadSettings where none of the keys opens under the secret.
    """
    ring = SealedKeyRing(Sealer.of(settings), allow_plain=settings.auth_allow_plaintext_keys)
    view = CompactedView(settings, settings.topic(API_KEYS.name), ring.update)
    await view.start()
    things.push_async_callback(view.stop)
    ring.check()
    return ring, view
