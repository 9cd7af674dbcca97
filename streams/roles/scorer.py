"""The scorer as it is put together: keys, token buckets and the routed models behind its stage."""

import logging
import socket
import time
from datetime import UTC, datetime

from infra.rate_limit import RedisLimiter, connect
from schemas.control import AdoptRoute
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.message import Emission
from schemas.registry import RegistryEntry
from schemas.routes import Arm, RoutePlan
from streams import topology
from streams.bundles import BundleStore
from streams.commands import platform_command
from streams.key_view import follow_keys
from streams.roles.shared import Built, Shared
from streams.route_view import RouteView
from streams.topics import MODEL_REGISTRY, PREDICTION_REPLIES

log = logging.getLogger("weir.routes")


async def build(shared: Shared) -> Built:
    """Raises BadSettings, BundleRefused, Unavailable."""
    settings, metrics = shared.settings, shared.metrics
    ring, view = await follow_keys(settings, shared.things)
    routes = await follow_routes(shared)
    redis = connect(settings.redis_url)
    shared.things.push_async_callback(redis.aclose)
    limiter = RedisLimiter(
        redis,
        logs=shared.logs,
        prefix=settings.bucket_prefix,
        window_s=settings.idempotency_window_s,
        enabled=settings.rate_limit_enabled,
        dry_run=settings.rate_limit_dry_run,
        on_degraded=metrics.degraded.set,
        explain_cost=settings.explain_cost,
    )
    shared.things.push_async_callback(limiter.close)
    steps = topology.scorer(
        settings,
        keys=ring,
        limiter=limiter,
        router=routes,
        clock=utc_now,
        counters=metrics,
        replies=shared.partitions[settings.topic(PREDICTION_REPLIES.name)],
    )
    return shared.pipelines("scorer", steps, redis), [view, routes]


async def follow_routes(shared: Shared) -> RouteView:
    """Every route there is. A model of the settings that has none is served by its newest version, which the control
    agent is asked to make its route: from then on it changes by command only.

    Raises BundleRefused where nothing can be served, Unavailable.
    """
    settings = shared.settings
    store = BundleStore(settings.model_store)

    def refused(name: str, version: str, reason: str) -> None:
        shared.producer.send([refusal(settings.topic(MODEL_REGISTRY.name), name, version, reason)])

    routes = RouteView(settings, store.load, refused)
    await routes.start(shared.things)
    if not routes.knows(settings.model_name):
        version = store.latest(settings.model_name)
        plan = RoutePlan(strategy="champion", arms=(Arm(name="champion", version=version),))
        await routes.serve(settings.model_name, plan, 1)
        command = AdoptRoute(
            model=settings.model_name, version=version, actor="scorer", reason="served without a route"
        )
        shared.producer.send([platform_command(settings, command, now_ms=time.time_ns() // 1_000_000)])
    return routes


def refusal(topic: str, name: str, version: str, reason: str) -> Emission:
    """What the registry is told of a version that this scorer cannot serve."""
    log.error("%s %s is refused: %s", name, version, reason)
    entry = RegistryEntry(
        name=name,
        version=version,
        status="refused",
        at=utc_now(),
        actor=f"scorer:{socket.gethostname()}",
        reason=reason[:1000],
    )
    headers = [(SCHEMA_VERSION, CURRENT_SCHEMA)]
    return Emission(topic, entry.key.encode(), entry.model_dump_json().encode(), headers)


def utc_now() -> datetime:
    """The clock that the stage is given."""
    return datetime.now(UTC)
