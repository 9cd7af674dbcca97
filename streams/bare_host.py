"""The same stages on a bare aiokafka loop: the escape hatch, and the floor that the Faust host is measured against."""

import asyncio
import logging
from collections.abc import Sequence
from itertools import groupby
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError

from infra.inflation import guard_readers
from infra.kafka import LONG_POLL_MS, aiokafka_options
from schemas.message import Batch
from streams.host import REBALANCE_TIMEOUT_S, Progress, fetch_bytes, measure
from streams.loops import Pipeline
from streams.settings import Settings
from streams.tasks import first_failure, leave

log = logging.getLogger("weir.host")

POLL_MS = 500
COMMIT_INTERVAL_S = 1.0


class BareHost:
    """Runs the pipelines of one role on one aiokafka consumer in one group."""

    def __init__(self, settings: Settings, group: str, pipelines: Sequence[Pipeline]) -> None:
        self._settings = settings
        self._group = settings.topic(group)
        self._pipelines = {pipeline.topic: pipeline for pipeline in pipelines}
        self._acked: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._rebalancing = False
        self._committed_at = monotonic()
        self._consumer: Any = None
        self._ackers: list[asyncio.Task[None]] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Process until `stop` is set, then finish what is in flight and commit it; raises what crashed.

        A batch that waits for a dependency then is given up unacked.
        """
        self._consumer = self._make_consumer()
        self._ackers = [asyncio.create_task(pipeline.ack_in_order()) for pipeline in self._pipelines.values()]
        await self._consumer.start()
        self._consumer.subscribe(list(self._pipelines), listener=_Listener(self))
        try:
            await first_failure(*self._ackers, asyncio.create_task(self._loop(stop)))
        except BaseException:
            await leave(self._consumer.stop())
            raise
        await self._consumer.stop()

    def progress(self) -> Progress:
        """How far the pipelines have come, for the watchdog."""
        return measure(self._consumer, list(self._pipelines.values()), self._rebalancing)

    def positions(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> the offset that is fetched next, of the partitions that it reads."""
        subscription = None if self._consumer is None else self._consumer._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return {}
        states = {tp: subscription.assignment.state_value(tp) for tp in list(subscription.assignment.tps)}
        return {(tp.topic, tp.partition): state.position for tp, state in states.items() if state.has_valid_position}

    async def _loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            records = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.batch_records)
            for topic, tps in groupby(sorted(records), key=lambda tp: tp.topic):
                if not await self._process(topic, list(tps), records, stop):
                    break
            if monotonic() - self._committed_at >= COMMIT_INTERVAL_S:
                await self.commit()
        await self.settle()

    async def _process(
        self, topic: str, tps: Sequence[TopicPartition], records: dict[TopicPartition, Any], stop: asyncio.Event
    ) -> bool:
        batch = Batch(topic, [raw for tp in tps for raw in records[tp]], self._share(topic))
        return await self._pipelines[topic].process(
            batch, lambda: self._ack(batch), lambda: self._rebalancing or stop.is_set()
        )

    def _ack(self, batch: Batch) -> None:
        self._acked.update({TopicPartition(batch.topic, partition): end for partition, end in batch.ends().items()})

    def _share(self, topic: str) -> float:
        total = len(self._consumer.partitions_for_topic(topic) or ())
        mine = sum(tp.topic == topic for tp in self._consumer.assignment())
        return min(1.0, mine / total) if total else 1.0

    async def settle(self) -> None:
        """Wait for what is in flight and commit what is acked; raises where the acking ended before all of it was."""
        idle = asyncio.create_task(self._idle())
        try:
            await asyncio.wait([idle, *self._ackers], return_when=asyncio.FIRST_COMPLETED)
            settled = idle.done()
        finally:
            idle.cancel()
        await self.commit()
        if not settled:
            raise RuntimeError("the acking has ended: what is in flight stays unacked")

    async def _idle(self) -> None:
        for pipeline in self._pipelines.values():
            await pipeline.idle()

    async def commit(self) -> None:
        """Commit what is acked and not committed yet; what was revoked meanwhile is left to its new owner."""
        self._committed_at = monotonic()
        mine = self._consumer.assignment()
        offsets = {tp: end for tp, end in self._acked.items() if tp in mine and self._committed.get(tp) != end}
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except CommitFailedError:
            return
        self._committed.update(offsets)

    async def revoked(self) -> None:
        """Settle before the partitions go."""
        self._rebalancing = True
        try:
            await self.settle()
        finally:
            self._acked.clear()
            self._committed.clear()

    async def assigned(self) -> None:
        self._rebalancing = False

    def _make_consumer(self) -> Any:
        guard_readers()
        return AIOKafkaConsumer(
            **aiokafka_options(self._settings),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(self._settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(self._settings.session_timeout_s * 200),
            max_poll_interval_ms=900_000,
            rebalance_timeout_ms=int(REBALANCE_TIMEOUT_S * 1000),
            max_partition_fetch_bytes=8 * 1024 * 1024,
            fetch_min_bytes=fetch_bytes(list(self._pipelines.values())),
            fetch_max_wait_ms=LONG_POLL_MS,
        )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, host: BareHost) -> None:
        self._host = host

    async def on_partitions_revoked(self, revoked: object) -> None:
        await self._host.revoked()

    async def on_partitions_assigned(self, assigned: object) -> None:
        await self._host.assigned()
