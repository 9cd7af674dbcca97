"""A worker of one role, from settings to exit code."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import import_module

from infra.kafka import client_options
from schemas.errors import BadSettings, WeirError
from streams import memory, topology
from streams.host import Progress, make_host
from streams.log_lines import configure_logging
from streams.log_watch import replaced_log
from streams.observe import Metrics, forget_the_dead
from streams.producer import Producer
from streams.roles.shared import Built, Shared, View
from streams.settings import Settings
from streams.tasks import first_failure
from streams.topics import check_topics, log_ids
from streams.topology import ROLES, TRAINER
from streams.urgency import ByUrgency
from streams.watchdog import Awake, Watchdog

log = logging.getLogger("weir.worker")

DRAIN_S = 25.0
EXIT_CRASHED = 1
SURE_OF_SESSION = 0.8
"""The part of a session for which a worker that sends no heartbeat is sure to have it still: the last one may have been
sent a fifth before."""
# What is queued is delivered within the producer's 30 s, or the worker ends: the 64 MiB of a scorer's two queues are
# that at 2 MiB a second, and a broker that takes less counts as away. What has no room waits in its pipeline, one batch
# of each.
QUEUE = {"queue.buffering.max.kbytes": 48 * 1024}


def run_role(role: str, settings: Settings) -> int:
    """Run a role until SIGTERM or SIGINT; 0 where it drained, 1 where it crashed. Nothing is acked after a crash."""
    if role not in (*ROLES, TRAINER):
        raise BadSettings(f"role {role} is unknown; known are {', '.join((*ROLES, TRAINER))}")
    configure_logging(role, settings.log_level)
    forget_the_dead(settings.prometheus_multiproc_dir)
    if role == "gateway":
        with memory.loading():
            from streams.gateway.serve import serve

        serve(settings)
        return 0
    import uvloop

    try:
        uvloop.run(_train(settings) if role == TRAINER else _work(role, settings))
    except WeirError as error:
        log.error("%s", error)
        return EXIT_CRASHED
    except Exception:
        log.exception("the worker crashed; unacked records will be delivered again")
        return EXIT_CRASHED
    return 0


async def _train(settings: Settings) -> None:
    stop = _told_to_stop()
    from streams.trainer import train

    await train(settings, stop)


def _told_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _begin_stop, stop)
    return stop


async def _work(role: str, settings: Settings) -> None:
    stop = _told_to_stop()
    async with sharing(role, settings) as shared:
        pipelines, views = await _build(role, shared)
        host = make_host(settings, role, pipelines)
        watchdog = Watchdog(
            host.progress,
            settings.stall_after_s,
            frozen_after_s=SURE_OF_SESSION * settings.session_timeout_s,
            report=partial(_report, shared.metrics, role, views),
        )
        for pipeline in pipelines:
            pipeline.sender = Awake(pipeline.sender, watchdog)
        watchdog.start()
        shared.things.callback(watchdog.stop)
        memory.settle()
        log.info("ready: %s on the %s host", role, settings.weir_host)
        replaced = replaced_log(settings, topology.needed_topics(role), shared.logs)
        # A view that ended would go on showing revoked keys: that is a crash too.
        beside = [shared.producer.failed(), replaced, watchdog.beats(), *(view.failed() for view in views)]
        await first_failure(*map(asyncio.ensure_future, [host.run(stop), *beside]))
    log.info("stopped")


@asynccontextmanager
async def sharing(role: str, settings: Settings) -> AsyncIterator[Shared]:
    """What a role is made with, closed in the end. Raises BadSettings, Unavailable."""
    partitions = await asyncio.to_thread(check_topics, settings, topology.needed_topics(role))
    logs = await asyncio.to_thread(log_ids, settings)
    metrics = Metrics()
    async with AsyncExitStack() as things:
        producer = _producer(role, settings)
        await producer.start()
        things.push_async_callback(producer.stop)
        yield Shared(settings, things, producer, metrics, partitions, logs)


def _producer(role: str, settings: Settings) -> Producer | ByUrgency:
    options = {**QUEUE, **client_options(settings)}
    patient = [settings.topic(topic.name) for topic in topology.PATIENT.get(role, ())]
    return ByUrgency(options, patient) if patient else Producer(options)


async def _build(role: str, shared: Shared) -> Built:
    """A role loads what it needs and no more: a scorer starts in half the time without the database's libraries."""
    with memory.loading():
        module = import_module(f"streams.roles.{role}")
    if role == "shadow":
        memory.first_to_go()
    built: Built = await module.build(shared)
    return built


def _begin_stop(stop: asyncio.Event) -> None:
    """Drain, and end the process hard where that takes too long."""
    stop.set()
    timer = threading.Timer(DRAIN_S, os._exit, [EXIT_CRASHED])
    timer.daemon = True
    timer.start()


def _report(metrics: Metrics, group: str, views: Sequence[View], progress: Progress) -> None:
    metrics.lag.labels(group).set(progress.unread)
    metrics.partitions.labels(group).set(progress.partitions)
    for view in views:
        metrics.staleness.labels(view.topic).set(view.staleness_s)
