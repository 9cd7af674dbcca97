"""Stages driven by Faust, hosted so that nothing is acked before its results are delivered."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import faust
from faust.types import EventT
from mode.supervisors import CrashingSupervisor

from infra.inflation import guard_readers
from streams.faust_consumer import BatchApp, BatchConsumer
from streams.host import REBALANCE_TIMEOUT_S, Progress, fetch_bytes, measure
from streams.loops import Pipeline
from streams.settings import Settings
from streams.tasks import first_failure, leave

log = logging.getLogger("weir.host")

REQUEST_TIMEOUT_S = 41.0
"""Above the longest session timeout that Settings allow, as Faust demands."""


class FaustHost:
    """Runs the pipelines of one role, each as a Faust agent on its topic, in one consumer group."""

    def __init__(self, settings: Settings, group: str, pipelines: Sequence[Pipeline]) -> None:
        self._pipelines = pipelines
        self._app = make_app(settings, group, fetch_bytes(pipelines))
        for pipeline in pipelines:
            self._add_agent(pipeline)
        consumer = self._app.consumer  # made now: Faust ties it to the loop of who asks first, and the watchdog asks
        assert isinstance(consumer, BatchConsumer)
        self._consumer = consumer

    async def run(self, stop: asyncio.Event) -> None:
        """Process until `stop` is set, then finish what is in flight and commit it; raises what crashed.

        A batch that waits for a dependency then is given up unacked.
        """
        ackers = [asyncio.create_task(pipeline.ack_in_order()) for pipeline in self._pipelines]
        await self._app.start()
        try:
            await first_failure(
                *ackers, asyncio.create_task(self._crash()), asyncio.create_task(self._until_drained(stop))
            )
        except BaseException:
            await self._leave()
            raise
        await self._app.stop()

    def progress(self) -> Progress:
        """How far the pipelines have come, for the watchdog."""
        return measure(self._consumer._thread._consumer, self._pipelines, self._is_rebalancing())

    def _add_agent(self, pipeline: Pipeline) -> None:
        topic = self._app.topic(pipeline.topic, key_serializer="raw", value_serializer="raw")

        async def consume(stream: Any) -> None:
            async for event in stream.noack().events():
                await self._process(pipeline, event)

        self._app.agent(topic, name=f"weir-{pipeline.topic}", concurrency=1, supervisor_strategy=CrashingSupervisor)(
            consume
        )

    async def _process(self, pipeline: Pipeline, event: EventT[Any]) -> None:
        batch: Any = event.message.value
        if not await pipeline.process(batch, event.ack, self._is_suspended):
            self._consumer.hand_back(event.message)

    def _is_suspended(self) -> bool:
        """Whether a rebalance or a stop holds the flow: what was fetched after a batch handed back is dropped then."""
        return not self._app.flow_control.is_active()

    def _is_rebalancing(self) -> bool:
        return bool(self._app.rebalancing)

    async def _crash(self) -> None:
        await self._app._crashed.wait()
        raise self._app._crash_reason or RuntimeError("the Faust app crashed without a reason")

    def _suspend(self) -> None:
        self._consumer.stop_flow()
        self._app.flow_control.suspend()
        self._app.flow_control.clear()

    async def _leave(self) -> None:
        """Leave the group after a crash, so that its partitions move on at once; what is unacked stays unacked."""
        self._suspend()
        self._consumer.unacked.clear()
        await leave(self._app.stop())

    async def _until_drained(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._suspend()
        for pipeline in self._pipelines:
            await pipeline.idle()
        await self._consumer.force_commit()


def make_app(settings: Settings, group: str, fetch_min_bytes: int = 1) -> BatchApp:
    """A Faust app with the settings that the host relies on. fetch_min_bytes: see `streams.loops.Limits`."""
    guard_readers()
    brokers = settings.kafka_bootstrap_servers.split(",")
    app = BatchApp(
        settings.topic(group),
        broker=[f"aiokafka://{broker}" for broker in brokers],
        broker_credentials=credentials(settings),
        processing_guarantee="at_least_once",
        stream_wait_empty=True,
        stream_buffer_maxsize=1,
        stream_publish_on_commit=False,
        broker_max_poll_records=settings.batch_records,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=8 * 1024 * 1024,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        store="memory://",
        web_enabled=False,
        autodiscover=False,
        datadir=settings.data_dir,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_rebalance_timeout=REBALANCE_TIMEOUT_S,
        broker_max_poll_interval=900.0,
        broker_request_timeout=REQUEST_TIMEOUT_S,
        stream_recovery_delay=0.0,
    )
    app.fetch_min_bytes = fetch_min_bytes
    app.finalize()
    assert app.conf.stream_wait_empty, "a rebalance must wait for what is in flight"
    return app


def credentials(settings: Settings) -> Any:
    """Faust's form of the connection's security, None for PLAINTEXT."""
    if settings.kafka_security_protocol == "PLAINTEXT":
        return None
    from aiokafka.helpers import create_ssl_context

    context = create_ssl_context(
        cafile=settings.kafka_ssl_cafile or None,
        certfile=settings.kafka_ssl_certfile or None,
        keyfile=settings.kafka_ssl_keyfile or None,
    )
    if settings.kafka_security_protocol == "SSL":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=settings.kafka_sasl_username,
        password=settings.kafka_sasl_password.get_secret_value(),
        mechanism=settings.kafka_sasl_mechanism,
        ssl_context=context,
    )
