"""A topic's records as they come, to whoever listens over HTTP."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from infra.inflation import guard_readers
from schemas.errors import Unavailable

log = logging.getLogger("weir.gateway")

LISTENERS = 50
"""Each has a consumer of its own, so that one who reads slowly holds up nobody, and takes up where it left off."""
HEARTBEAT_S = 15.0
"""Proxies hang up on who says nothing for a minute."""
OPEN_S = 5.0
POLL_MS = 500
CLOSE_S = 5.0

Positions = Mapping[int, int]
"""Partition -> the offset of the next record."""


class Tail:
    """One listener's place in the topic. positions: behind what was heard last."""

    def __init__(self, consumer: AIOKafkaConsumer, positions: Positions) -> None:
        self._consumer = consumer
        self.positions = dict(positions)

    async def heard(self) -> list[tuple[bytes | None, Positions]]:
        """Values with the positions behind each; none where nothing came within POLL_MS. Raises KafkaError."""
        batches = await self._consumer.getmany(timeout_ms=POLL_MS)
        found: list[tuple[bytes | None, Positions]] = []
        for partition, records in batches.items():
            for record in records:
                self.positions[partition.partition] = record.offset + 1
                found.append((record.value, dict(self.positions)))
        return found

    async def make_sure(self) -> None:
        """That nothing was heard because nothing was told. Raises KafkaError, TimeoutError where no broker answers."""
        async with asyncio.timeout(OPEN_S):
            await self._consumer.end_offsets(self._consumer.assignment())

    async def close(self) -> None:
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._consumer.stop()


class LiveTopic:
    """The topic for up to `most` listeners at once, until it is ended. options: of an aiokafka client.

    heartbeat_s: after so long a silence a listener is told something.
    """

    def __init__(
        self, options: Mapping[str, Any], topic: str, *, most: int = LISTENERS, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._options = options
        self._topic = topic
        self._most = most
        self.heartbeat_s = heartbeat_s
        self.listeners = 0
        self.ended = False

    @property
    def is_full(self) -> bool:
        return self.listeners >= self._most

    def end(self) -> None:
        """Every listener's stream ends."""
        self.ended = True

    async def listen(self, after: Positions) -> Tail:
        """Records from these positions on; of partitions that are not named, those from now on. To be closed with
        `leave`. Raises Unavailable."""
        guard_readers()
        self.listeners += 1
        consumer = AIOKafkaConsumer(
            self._topic, **self._options, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            async with asyncio.timeout(OPEN_S):
                await consumer.start()
                return Tail(consumer, await self._placed(consumer, after))
        except BaseException as error:
            await self.leave(Tail(consumer, {}))
            if isinstance(error, KafkaError | OSError | TimeoutError):
                message = f"topic {self._topic} cannot be read ({type(error).__name__})"
                raise Unavailable("kafka", message) from error
            raise

    async def leave(self, tail: Tail) -> None:
        """The listener is gone."""
        self.listeners -= 1
        await tail.close()

    async def _placed(self, consumer: AIOKafkaConsumer, after: Positions) -> Positions:
        ends = await consumer.end_offsets(consumer.assignment())
        if not ends:
            raise Unavailable("kafka", f"topic {self._topic} is missing: make it with `weir topics create`")
        positions = {partition.partition: after.get(partition.partition, end) for partition, end in ends.items()}
        for partition, offset in positions.items():
            consumer.seek(TopicPartition(self._topic, partition), offset)
        return positions
