"""Stages driven by Faust, hosted so that nothing is acked before its results are delivered.

Every override below replaces behaviour of the pinned faust-streaming that loses or repeats records; docs/architecture.md
says which and why, tests/streams/test_faust_host.py holds each.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import faust
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP, EventT, Message, StreamT
from mode.supervisors import CrashingSupervisor
from mode.utils.times import Seconds

from schemas.message import Batch
from streams.host import Progress, to_record
from streams.loops import Pipeline, first_failure
from streams.settings import Settings

log = logging.getLogger("weir.host")

LEAVE_S = 5.0


class BatchConsumer(Consumer):
    """Faust's consumer, one message per topic and poll: its value is a Batch."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self._seek_back()
            return
        for tps in self._by_topic(records, active).values():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            yield tps[0], self._batch_message(tps, records)

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # the rebalance that stopped the flow ends with a seek of its own
            log.warning("seeking back to the committed offsets failed: %r", error)

    def _by_topic(self, records: Mapping[TP, Sequence[Any]], active: set[TP] | None) -> dict[str, list[TP]]:
        topics: dict[str, list[TP]] = {}
        for tp in sorted(records):
            if active is None or tp in active or tp in self._buffered_partitions:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                topics.setdefault(tp.topic, []).append(tp)
        return topics

    def _batch_message(self, tps: Sequence[TP], records: Mapping[TP, Sequence[Any]]) -> Message:
        raws = [to_record(raw) for tp in tps for raw in records[tp]]
        for tp in tps:
            self._read_offset[tp] = records[tp][-1].offset
        message = self._to_message(tps[0], records[tps[0]][-1])
        message.value = Batch(tps[0].topic, raws, self._floors(tps), self._share(tps[0].topic))
        return message

    def _floors(self, tps: Sequence[TP]) -> dict[int, int]:
        return {tp.partition: self._committed_offset[tp] or 0 for tp in tps}

    def _share(self, topic: str) -> float:
        total = self.topic_partitions(topic) or 0
        mine = sum(tp.topic == topic for tp in self.assignment())
        return min(1.0, mine / total) if total else 1.0

    def ack(self, message: Message) -> bool:
        """Ack every partition of the message's batch."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        for partition, offset in message.value.last_offsets().items():
            acked = self._acked[TP(message.topic, partition)]
            assert not acked or acked[-1] < offset, (
                f"acked out of order: {message.topic}[{partition}]@{offset}"
            )
            acked.append(offset)
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)
        return True

    def hand_back(self, message: Message) -> None:
        """Forget a message that is not processed: the rebalance under way seeks back to it."""
        self._unacked_messages.discard(message)

    def _new_offset(self, tp: TP) -> int | None:
        """One past the highest acked offset: one loop per topic acks in order."""
        acked = self._acked[tp]
        if not acked:
            return None
        highest = acked[-1]
        acked.clear()
        return int(highest) + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: gaps of compaction and transaction markers need no acks of their own."""

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full queue blocks the put, which is back-pressure enough."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing, as on_buffer_full never pauses."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is acked before Faust forgets it."""
        await self.force_commit()
        await super().on_partitions_revoked(revoked)


class BatchTransport(Transport):
    """aiokafka transport with our consumer."""

    Consumer = BatchConsumer


class BatchApp(faust.App):
    """A Faust app that consumes through BatchConsumer."""

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)


class FaustHost:
    """Runs the pipelines of one role, each as a Faust agent on its topic, in one consumer group."""

    def __init__(self, settings: Settings, group: str, pipelines: Sequence[Pipeline]) -> None:
        self._pipelines = pipelines
        self._app = make_app(settings, group)
        for pipeline in pipelines:
            self._add_agent(pipeline)

    async def run(self, stop: asyncio.Event) -> None:
        """Process until `stop` is set, then finish what is in flight and commit it; raises what crashed."""
        app = self._app
        ackers = [asyncio.create_task(pipeline.ack_in_order()) for pipeline in self._pipelines]
        await app.start()
        try:
            await first_failure(
                *ackers, asyncio.create_task(self._crash()), asyncio.create_task(_until(stop))
            )
        except BaseException:
            await self._leave()
            raise
        ackers = [asyncio.create_task(pipeline.ack_in_order()) for pipeline in self._pipelines]
        await self._drain(ackers)
        await app.stop()

    def progress(self) -> Progress:
        """Positions against log ends, for the watchdog."""
        consumer = self._app.consumer
        behind = position = 0
        for tp in consumer.assignment():
            read = consumer._read_offset[tp] or 0
            position += read
            behind += max(0, (consumer.highwater(tp) or 0) - 1 - read)
        committed = sum(offset or 0 for offset in list(consumer._committed_offset.values()))
        waiting = any(pipeline.waiting_for for pipeline in self._pipelines)
        return Progress(position + committed, behind, waiting or self._app.rebalancing)

    def _add_agent(self, pipeline: Pipeline) -> None:
        topic = self._app.topic(pipeline.topic, key_serializer="raw", value_serializer="raw")

        async def consume(stream: StreamT[Batch]) -> None:
            async for event in stream.noack().events():
                await self._process(pipeline, event)

        self._app.agent(
            topic, name=f"weir-{pipeline.topic}", concurrency=1, supervisor_strategy=CrashingSupervisor
        )(consume)

    async def _process(self, pipeline: Pipeline, event: EventT) -> None:
        batch: Batch = event.message.value
        if not await pipeline.process(batch, lambda: event.ack(), self._is_rebalancing):
            self._app.consumer.hand_back(event.message)

    def _is_rebalancing(self) -> bool:
        return bool(self._app.rebalancing)

    async def _crash(self) -> None:
        await self._app._crashed.wait()
        raise self._app._crash_reason or RuntimeError("the Faust app crashed without a reason")

    def _suspend(self) -> None:
        self._app.consumer.stop_flow()
        self._app.flow_control.suspend()
        self._app.flow_control.clear()

    async def _leave(self) -> None:
        """Leave the group after a crash, so that its partitions move on at once; what is unacked stays unacked."""
        self._suspend()
        self._app.consumer.unacked.clear()
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._app.stop()
        except Exception as error:
            log.warning("leaving the group failed, it will notice by itself: %r", error)

    async def _drain(self, ackers: Sequence[asyncio.Task[None]]) -> None:
        self._suspend()
        idle = asyncio.gather(*(pipeline.idle() for pipeline in self._pipelines))
        await first_failure(*ackers, asyncio.create_task(_until_done(idle)))
        await self._app.consumer.force_commit()


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _until_done(future: "asyncio.Future[Any]") -> None:
    await future


def make_app(settings: Settings, group: str) -> BatchApp:
    """A Faust app with the settings that the host relies on."""
    brokers = settings.kafka_bootstrap_servers.split(",")
    seconds: dict[str, Seconds] = {
        "broker_commit_interval": 1.0,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 5,
        "broker_rebalance_timeout": 45.0,
        "broker_max_poll_interval": 900.0,
        "broker_request_timeout": 40.0,
        "stream_recovery_delay": 0.0,
    }
    app = BatchApp(
        settings.topic(group),
        broker=[f"aiokafka://{broker}" for broker in brokers],
        broker_credentials=credentials(settings),
        processing_guarantee="at_least_once",
        stream_wait_empty=True,
        stream_buffer_maxsize=8,
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
        **seconds,
    )
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
