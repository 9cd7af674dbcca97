"""Faust's consumer, made to lose nothing: batches instead of records, acks in order, commits before a rebalance.

Every override below replaces behaviour of the pinned faust-streaming that loses or repeats records;
docs/architecture.md says which and why, tests/streams/test_faust_consumer.py holds each.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, Message
from mode.utils.futures import maybe_async

from infra.kafka import LONG_POLL_MS
from schemas.message import Batch

log = logging.getLogger("weir.host")


class LoopFetcher(AIOKafkaConsumerThread):
    """Faust's consumer thread, without the thread: it reads on the worker's own loop.

    The records go from one thread to the other with the interpreter's lock, so that nothing is done side by side, and
    out of one core's cache into the other's.
    """

    wait_for_shutdown = False

    def __init__(self, consumer: Consumer, *, loop: Any, beacon: Any) -> None:
        super().__init__(consumer, loop=loop, thread_loop=loop, beacon=beacon)

    async def start(self) -> None:
        self._thread_started.set()
        await self._default_start()

    async def on_stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the thread would be asked to do, done here and now."""
        return await maybe_async(fun(*args, **kwargs))

    def _stopped_set(self) -> None:
        self._stopped.set()

    async def _stop_children(self) -> None:
        await self._default_stop_children()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()

    def _create_consumer(self, loop: Any) -> Any:
        consumer = super()._create_consumer(loop)
        app: Any = self.app
        # No settings of Faust's, which waits for 1.5 s.
        consumer._fetch_max_wait_ms, consumer._fetch_min_bytes = LONG_POLL_MS, app.fetch_min_bytes
        return consumer


class BatchConsumer(Consumer):
    """Faust's consumer, one message per topic and poll: its value is a Batch."""

    def _new_consumer_thread(self) -> LoopFetcher:
        return LoopFetcher(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109
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
        raws = [raw for tp in tps for raw in records[tp]]
        for tp in tps:
            self._read_offset[tp] = records[tp][-1].offset
        message: Any = self._to_message(tps[0], records[tps[0]][-1])
        message.value = Batch(tps[0].topic, raws, self._share(tps[0].topic))
        return message  # type: ignore[no-any-return]

    def _share(self, topic: str) -> float:
        total = self.topic_partitions(topic) or 0
        mine = sum(tp.topic == topic for tp in self.assignment())
        return min(1.0, mine / total) if total else 1.0

    def ack(self, message: Message) -> bool:
        """Ack every partition of the message's batch.

        Not one that the stream skipped, as the flow was off or its generation over: Faust's Python stream, which runs
        where its compiled one is missing, acks those too, and they were never processed.
        """
        if message.acked or not message.tracked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        batch: Any = message.value
        for partition, end in batch.ends().items():
            acked = self._acked[TP(message.topic, partition)]
            assert not acked or acked[-1] <= end, f"acked out of order: {message.topic}[{partition}]@{end}"
            acked.append(end)
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)
        return True

    def hand_back(self, message: Message) -> None:
        """Forget a message that is not processed: the rebalance under way, or the next worker, seeks back to it."""
        self._unacked_messages.discard(message)

    def _new_offset(self, tp: TP) -> int | None:
        """The last acked end: one loop per topic acks in order."""
        acked = self._acked[tp]
        if not acked:
            return None
        end = acked[-1]
        acked.clear()
        return int(end)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: gaps of compaction and transaction markers need no acks of their own."""

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full queue blocks the put, which is back-pressure enough."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing, as on_buffer_full never pauses."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is acked before Faust forgets it, what is acked during that commit too."""
        self.stop_flow()
        self.app.flow_control.suspend()
        while await self.force_commit():
            pass
        await super().on_partitions_revoked(revoked)

    async def wait_empty(self) -> None:
        """Commit the last acks even where a commit that was under way kept Faust from doing so."""
        await super().wait_empty()
        await self.force_commit()


class BatchTransport(Transport):
    """aiokafka transport with our consumer."""

    Consumer = BatchConsumer


class BatchApp(faust.App):
    """A Faust app that consumes through BatchConsumer. fetch_min_bytes: the broker hands less over after
    LONG_POLL_MS only."""

    fetch_min_bytes: int = 1

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)
