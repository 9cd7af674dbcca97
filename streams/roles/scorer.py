"""The scorer as it is put together: keys, token buckets and the model behind its stage."""

from datetime import UTC, datetime

from infra import artifacts
from infra.rate_limit import RedisLimiter, connect
from models.bundle import read_bundle
from models.routing import ChampionRoutes
from streams import topology
from streams.key_view import follow_keys
from streams.roles.shared import Built, Shared
from streams.settings import Settings
from streams.topics import PREDICTION_REPLIES


async def build(shared: Shared) -> Built:
    """Raises BadSettings, BundleRefused, Unavailable."""
    settings, metrics = shared.settings, shared.metrics
    ring, view = await follow_keys(settings, shared.things)
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
    )
    shared.things.push_async_callback(limiter.close)
    steps = topology.scorer(
        settings,
        keys=ring,
        limiter=limiter,
        router=load_routes(settings),
        clock=utc_now,
        counters=metrics,
        replies=shared.partitions[settings.topic(PREDICTION_REPLIES.name)],
    )
    return shared.pipelines("scorer", steps, redis), [view]


def load_routes(settings: Settings) -> ChampionRoutes:
    """The newest version of the configured model as champion. Raises BundleRefused, BadSettings."""
    version = artifacts.latest(settings.model_store, settings.model_name)
    bundle = read_bundle(artifacts.fetch(settings.model_store, settings.model_name, version))
    return ChampionRoutes({bundle.name: bundle})


def utc_now() -> datetime:
    """The clock that the stage is given."""
    return datetime.now(UTC)
