"""The control agent as it is put together: the store of bundles, the evidence and the topics behind its stage."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.database import create_db_engine
from infra.rate_limit import connect
from streams import topology
from streams.bundles import BundleStore
from streams.control_state import control_store
from streams.evidence import StoredEvidence
from streams.key_view import follow_keys
from streams.platform_ring import PlatformRing
from streams.roles.shared import Built, Shared
from streams.route_watch import RouteWatch
from streams.topics import PREDICTION_REPLIES
from streams.trial import tried


async def build(shared: Shared) -> Built:
    """Raises BadSettings, Unavailable."""
    settings = shared.settings
    ring, view = await follow_keys(settings, shared.things)
    engine = create_db_engine(settings.database_url.get_secret_value(), 2, 0, patience_s=settings.batch_timeout_s / 3)
    shared.things.callback(engine.dispose)
    redis = connect(settings.redis_url)
    shared.things.push_async_callback(redis.aclose)
    evidence = StoredEvidence(engine)
    steps = topology.control(
        settings,
        keys=PlatformRing(ring, settings),
        store=control_store(settings),
        models=Models(settings.model_store, settings.batch_timeout_s / 2),
        evidence=evidence,
        clock=lambda: datetime.now(UTC),
        counters=shared.metrics,
        replies=shared.partitions[settings.topic(PREDICTION_REPLIES.name)],
    )
    # One at a time: each is decided by what the last one has written.
    watch = RouteWatch(settings, evidence, shared.producer)
    await watch.start(shared.things)
    return shared.pipelines("control", steps, redis, singly=True), [view, watch]


class Models:
    """Bundles as the registry describes them, each tried in a process of its own.

    within_s: what a trial may take.
    """

    def __init__(self, url: str, within_s: float) -> None:
        self._url = url
        self._within_s = within_s
        self._store = BundleStore(url)

    async def names(self) -> Sequence[str]:
        """Raises Unavailable."""
        return await asyncio.to_thread(self._store.names)

    async def versions(self, model: str) -> Sequence[str]:
        """Raises Unavailable."""
        return await asyncio.to_thread(self._store.versions, model)

    async def verify(self, model: str, version: str) -> Mapping[str, Any]:
        """Raises BundleRefused, Unavailable."""
        return await tried(self._url, model, version, self._within_s)
