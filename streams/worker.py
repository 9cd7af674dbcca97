"""A worker of one role, from settings to exit code."""

import asyncio
import logging
import os
import signal
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

from infra import artifacts
from infra.database import PostgresStore, create_db_engine, init_db
from infra.kafka import client_options
from infra.rate_limit import RedisLimiter, connect
from models.bundle import read_bundle
from models.routing import ChampionRoutes
from schemas.errors import BadSettings, WeirError
from schemas.message import Emission, Record
from streams import memory, topology
from streams.attempts import RedisAttempts
from streams.bare_host import BareHost
from streams.compacted import CompactedView
from streams.faust_host import FaustHost
from streams.host import Host, Progress
from streams.key_view import follow_keys
from streams.log_lines import configure_logging
from streams.log_watch import replaced_log
from streams.loops import Limits, Pipeline, first_failure
from streams.observe import Metrics, forget_the_dead
from streams.producer import Producer
from streams.settings import Settings
from streams.topics import PREDICTION_REPLIES, check_topics, log_ids
from streams.topology import ROLES, Step
from streams.watchdog import Awake, Watchdog

log = logging.getLogger("weir.worker")

DRAIN_S = 25.0
EXIT_CRASHED = 1
# What is queued is delivered within the producer's 30 s, or the worker ends: 64 MiB are that at 2 MiB a second, and a
# broker that takes less counts as away. What has no room waits in its pipeline, one batch of each.
QUEUE = {"queue.buffering.max.kbytes": 64 * 1024}
HOSTS: dict[str, Callable[[Settings, str, Sequence[Pipeline]], Host]] = {"faust": FaustHost, "bare": BareHost}


def run_role(role: str, settings: Settings) -> int:
    """Run a role until SIGTERM or SIGINT; 0 where it drained, 1 where it crashed. Nothing is acked after a crash."""
    if role not in ROLES:
        raise BadSettings(f"role {role} is unknown; known are {', '.join(ROLES)}")
    configure_logging(role, settings.log_level)
    forget_the_dead(settings.prometheus_multiproc_dir)
    if role == "gateway":
        from streams.gateway.serve import serve

        serve(settings)
        return 0
    import uvloop

    try:
        uvloop.run(_work(role, settings))
    except WeirError as error:
        log.error("%s", error)
        return EXIT_CRASHED
    except Exception:
        log.exception("the worker crashed; unacked records will be delivered again")
        return EXIT_CRASHED
    return 0


async def _work(role: str, settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _begin_stop, stop)
    partitions = await asyncio.to_thread(check_topics, settings, topology.needed_topics(role))
    logs = await asyncio.to_thread(log_ids, settings)
    metrics = Metrics()
    async with AsyncExitStack() as things:
        producer = Producer({**QUEUE, **client_options(settings)})
        await producer.start()
        things.push_async_callback(producer.stop)
        build = {"scorer": _scorer, "sink": _sink}[role]
        pipelines, views = await build(settings, things, producer, metrics, partitions, logs)
        host = HOSTS[settings.weir_host](settings, role, pipelines)
        watchdog = Watchdog(
            host.progress,
            settings.stall_after_s,
            frozen_after_s=settings.session_timeout_s,
            report=partial(_report, metrics, role, views),
        )
        for pipeline in pipelines:
            pipeline.sender = Awake(pipeline.sender, watchdog)
        watchdog.start()
        things.callback(watchdog.stop)
        memory.settle()
        log.info("ready: %s on the %s host", role, settings.weir_host)
        replaced = replaced_log(settings, topology.needed_topics(role), logs)
        # A view that ended would go on showing revoked keys: that is a crash too.
        runs = [host.run(stop), producer.failed(), replaced, *(view.failed() for view in views)]
        await first_failure(*map(asyncio.ensure_future, runs))
    log.info("stopped")


def _begin_stop(stop: asyncio.Event) -> None:
    """Drain, and end the process hard where that takes too long."""
    stop.set()
    timer = threading.Timer(DRAIN_S, os._exit, [EXIT_CRASHED])
    timer.daemon = True
    timer.start()


async def _scorer(
    settings: Settings,
    things: AsyncExitStack,
    producer: Producer,
    metrics: Metrics,
    partitions: Mapping[str, int],
    logs: Mapping[str, str],
) -> tuple[list[Pipeline], list[CompactedView]]:
    ring, view = await follow_keys(settings, things)
    redis = connect(settings.redis_url)
    things.push_async_callback(redis.aclose)
    limiter = RedisLimiter(
        redis,
        logs=logs,
        window_s=settings.idempotency_window_s,
        enabled=settings.rate_limit_enabled,
        dry_run=settings.rate_limit_dry_run,
        on_degraded=metrics.degraded.set,
    )
    things.push_async_callback(limiter.close)
    steps = topology.scorer(
        settings,
        keys=ring,
        limiter=limiter,
        router=load_routes(settings),
        clock=utc_now,
        counters=metrics,
        replies=partitions[settings.topic(PREDICTION_REPLIES.name)],
    )
    attempts = RedisAttempts(redis, logs, settings.topic("scorer"))
    return _pipelines(settings, steps, producer, attempts, metrics), [view]


async def _sink(
    settings: Settings,
    things: AsyncExitStack,
    producer: Producer,
    metrics: Metrics,
    partitions: Mapping[str, int],
    logs: Mapping[str, str],
) -> tuple[list[Pipeline], list[CompactedView]]:
    ring, view = await follow_keys(settings, things)
    # A slow database says so before the batch's time is over, which would count as the records' fault.
    engine = create_db_engine(settings.database_url.get_secret_value(), patience_s=settings.batch_timeout_s / 3)
    await asyncio.to_thread(init_db, engine)
    things.callback(engine.dispose)
    redis = connect(settings.redis_url)
    things.push_async_callback(redis.aclose)
    attempts = RedisAttempts(redis, logs, settings.topic("sink"))
    store = PostgresStore(engine, logs, patience_s=settings.batch_timeout_s / 2)
    steps = topology.sink(settings, keys=ring, store=store, counters=metrics)
    return _pipelines(settings, steps, producer, attempts, metrics), [view]


def load_routes(settings: Settings) -> ChampionRoutes:
    """The newest version of the configured model as champion. Raises BundleRefused, BadSettings."""
    version = artifacts.latest(settings.model_store, settings.model_name)
    bundle = read_bundle(artifacts.fetch(settings.model_store, settings.model_name, version))
    return ChampionRoutes({bundle.name: bundle})


def _pipelines(
    settings: Settings, steps: Sequence[Step], producer: Producer, attempts: RedisAttempts, metrics: Metrics
) -> list[Pipeline]:
    limits = Limits(settings.batches_in_flight, settings.batch_timeout_s, settings.max_attempts)
    return [
        Pipeline(
            settings.topic(step.topic.name), step.stage, producer, attempts, partial(_give_up, step), metrics, limits
        )
        for step in steps
    ]


def _give_up(step: Step, record: Record, attempts: int) -> Sequence[Emission]:
    error_id = str(uuid.uuid4())
    log.error("giving up", extra={"data": {"error_id": error_id, "topic": record.topic, "offset": record.offset}})
    return step.give_up(record, attempts, error_id)


def _report(metrics: Metrics, group: str, views: Sequence[CompactedView], progress: Progress) -> None:
    metrics.lag.labels(group).set(progress.unread)
    metrics.partitions.labels(group).set(progress.partitions)
    for view in views:
        metrics.staleness.labels(view.topic).set(view.staleness_s)


def utc_now() -> datetime:
    """The clock that the stages are given."""
    return datetime.now(UTC)
