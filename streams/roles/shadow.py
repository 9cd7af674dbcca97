"""The shadow agent as it is put together: the store of bundles behind its stage."""

from datetime import UTC, datetime

from infra.rate_limit import connect
from streams import topology
from streams.bundles import BundleStore
from streams.roles.shared import Built, Shared

GATHERED_BYTES = 256 * 1024
"""Copies are in no hurry: read one by one, at what rate they come, they would cost the broker as much as the requests
themselves, and these would wait."""


async def build(shared: Shared) -> Built:
    """Raises BadSettings."""
    settings = shared.settings
    redis = connect(settings.redis_url)
    shared.things.push_async_callback(redis.aclose)
    steps = topology.shadow(
        settings,
        load=BundleStore(settings.model_store).load,
        clock=lambda: datetime.now(UTC),
        counters=shared.metrics,
    )
    return shared.pipelines("shadow", steps, redis, fetch_bytes=GATHERED_BYTES), []
