"""The reply reader: one partition of the replies topic, read without a group: no rebalance stalls it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any
from zlib import crc32

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from infra.inflation import guard_readers
from infra.kafka import LONG_POLL_MS
from schemas.errors import Unavailable
from streams.gateway.pending import Expected, Pending

log = logging.getLogger("weir.gateway.replies")

QUIET_S = 1.0
"""After this long without replies the reader asks the broker whether there really are none."""

ANSWER_S = 5.0
"""How long the broker may take to say so."""

OPEN_S = 20.0
"""How long each step of connecting may take: a topic just made has no leader at first."""

REOPEN_S = 1.0
"""Pause before a broken consumer is replaced."""

ChoosePartition = Callable[[int], Awaitable[int]]


class ReplyReader:
    """Reads this instance's reply partition and hands each reply to who waits for it.

    options: of an aiokafka client. choose: partition count -> the partition to read.
    """

    def __init__(
        self, options: Mapping[str, Any], topic: str, pending: Pending, choose: ChoosePartition | None = None
    ) -> None:
        self._options = options
        self._topic = topic
        self._pending = pending
        self._choose = choose or hashed(pending.instance)
        self._consumer: AIOKafkaConsumer | None = None
        self._partition: TopicPartition | None = None
        self._position: int | None = None
        self._suspected: int | None = None
        self._trouble: str | None = "the reply reader has not started"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the reader stands at the partition's end. Raises Unavailable."""
        try:
            await self._open()
        except Unavailable:
            await self._close()
            raise
        except (KafkaError, OSError, TimeoutError) as error:
            await self._close()
            raise _unreadable(self._topic, error) from error
        self._task = asyncio.create_task(self._run(), name="replies")

    async def stop(self) -> None:
        """Stop reading; who still waits gets nothing more."""
        self._trouble = "the reply reader is stopped"
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)  # what it died of is wait_closed's to tell
        await self._close()

    async def wait_closed(self) -> None:
        """Return when the reader is stopped; raise what it died of."""
        task = self._task
        assert task is not None, "start first"
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    def why_not_ready(self) -> str | None:
        """None while replies are read; otherwise the reason."""
        if self._task is not None and self._task.done():
            return "the reply reader has died"
        return self._trouble

    def expect(self) -> AbstractContextManager[Expected]:
        """A reply to come. Raises Unavailable while replies are not read, or where too many wait."""
        trouble = self.why_not_ready()
        if trouble is not None or self._partition is None:
            raise Unavailable("kafka", f"{trouble}: retry shortly")
        return self._pending.expect(self._partition.partition)

    async def _run(self) -> None:
        failed_at: int | None = None
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, TimeoutError, Unavailable) as error:
                self._trouble = f"replies cannot be read ({type(error).__name__})"
                log.warning("replies of %s cannot be read, reopening: %s", self._topic, error)
            if self._position == failed_at:  # what lies here cannot be read: go on at the end
                self._position = None
            failed_at = self._position
            await self._reopen()

    async def _reopen(self) -> None:
        while True:
            await self._close()
            await asyncio.sleep(REOPEN_S)
            try:
                return await self._open()
            except (KafkaError, OSError, TimeoutError, Unavailable) as error:
                log.warning("the reply consumer of %s did not open: %s", self._topic, error)

    async def _open(self) -> None:
        guard_readers()
        consumer = self._consumer = AIOKafkaConsumer(
            **self._options, enable_auto_commit=False, auto_offset_reset="latest", fetch_max_wait_ms=LONG_POLL_MS
        )
        async with asyncio.timeout(OPEN_S):
            await consumer.start()
        if self._partition is None:
            async with asyncio.timeout(OPEN_S):
                count = await _count_partitions(consumer, self._topic)
            self._partition = TopicPartition(self._topic, await self._choose(count))
        consumer.assign([self._partition])
        if self._position is None:
            async with asyncio.timeout(OPEN_S):
                await consumer.seek_to_end(self._partition)
                self._position = await consumer.position(self._partition)
        else:
            consumer.seek(self._partition, self._position)
        self._suspected = self._trouble = None

    async def _follow(self) -> None:
        assert self._consumer is not None
        while True:
            # Not wait_for: before Python 3.12 that swallows a cancellation which comes along with the result.
            async with asyncio.timeout(QUIET_S + ANSWER_S):
                batches = await self._consumer.getmany(timeout_ms=int(QUIET_S * 1000))
            for records in batches.values():
                self._take(records)
            if not batches:
                await self._make_sure_of_quiet()

    def _take(self, records: Sequence[Any]) -> None:
        self._pending.deliver([(record.value, record.headers) for record in records])
        self._position = records[-1].offset + 1
        self._suspected = None

    async def _make_sure_of_quiet(self) -> None:
        """Raises Unavailable where replies lie there, twice in a row, and none was read in between."""
        assert self._consumer is not None
        assert self._partition is not None
        async with asyncio.timeout(ANSWER_S):
            ends = await self._consumer.end_offsets([self._partition])
        if ends[self._partition] <= (self._position or 0):
            self._suspected = None
        elif self._suspected == self._position:
            raise Unavailable("kafka", f"reading stalled at offset {self._position} of {ends[self._partition]}")
        else:
            self._suspected = self._position

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await consumer.stop()


async def _count_partitions(consumer: AIOKafkaConsumer, topic: str) -> int:
    if topic not in await consumer.topics():
        raise Unavailable("kafka", f"topic {topic} is missing: make it with `weir topics create`")
    first = TopicPartition(topic, 0)
    consumer.assign([first])
    await consumer.end_offsets([first])  # the client learns a topic's partitions by asking for one
    return len(consumer.partitions_for_topic(topic) or (0,))


def hashed(instance: str) -> ChoosePartition:
    """Chooses a partition by the instance's hash: shared at worst, and then others' replies are skipped."""

    async def choose(count: int) -> int:
        return crc32(instance.encode()) % count

    return choose


def _unreadable(topic: str, error: BaseException) -> Unavailable:
    advice = "check KAFKA_BOOTSTRAP_SERVERS and that the broker is up (`weir status`)"
    return Unavailable("kafka", f"replies on {topic} cannot be read ({type(error).__name__}); {advice}")
