"""A compacted topic as a table in memory: read to its end before ready, then followed."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from infra.inflation import guard_readers
from infra.kafka import aiokafka_options
from schemas.errors import Unavailable
from streams.settings import Settings

log = logging.getLogger("weir.views")

POLL_MS = 500
PROBE_S = 3.0


class CompactedView:
    """Hands every record of a compacted topic to `on_record(key, value)`, value None where the key was removed."""

    def __init__(
        self,
        settings: Settings,
        topic: str,
        on_record: Callable[[str, bytes | None], object],
        *,
        timeout_s: float = 30,
    ) -> None:
        self._topic = topic
        self._on_record = on_record
        self._timeout_s = timeout_s
        self._options = aiokafka_options(settings)
        self._consumer: AIOKafkaConsumer | None = None
        self._follower: asyncio.Task[None] | None = None
        self._heard_at = monotonic()
        self.records = 0

    async def start(self) -> None:
        """Read the topic to its present end, then follow it in a task. Raises Unavailable after the timeout."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._open()
        except (TimeoutError, KafkaError) as error:
            await self.stop()
            raise Unavailable(
                "kafka",
                f"topic {self._topic} could not be read ({error!r}); check the brokers and `weir topics check`",
            ) from error
        self._follower = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End following."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.stop()

    async def failed(self) -> None:
        """Returns never, or raises what ended the following."""
        assert self._follower is not None, "start first"
        await asyncio.shield(self._follower)

    @property
    def topic(self) -> str:
        """Its full name."""
        return self._topic

    @property
    def staleness_s(self) -> float:
        """Seconds since the broker last answered."""
        return monotonic() - self._heard_at

    async def _open(self) -> None:
        guard_readers()
        consumer = AIOKafkaConsumer(
            self._topic,
            **self._options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=30_000,
        )
        self._consumer = consumer
        await consumer.start()
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            await self._poll(consumer)

    async def _follow(self) -> None:
        assert self._consumer is not None
        while True:
            await self._poll(self._consumer)
            if self.staleness_s > PROBE_S:
                await self._probe(self._consumer)

    async def _probe(self, consumer: AIOKafkaConsumer) -> None:
        """Ask the broker something: an empty poll looks the same whether there is no news or no broker."""
        try:
            async with asyncio.timeout(PROBE_S):
                await consumer.end_offsets(consumer.assignment())
        except (TimeoutError, KafkaError) as error:
            log.warning("%s: the broker does not answer, %.0f s old: %r", self._topic, self.staleness_s, error)
        else:
            self._heard_at = monotonic()

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        records = await consumer.getmany(timeout_ms=POLL_MS)
        if records:
            self._heard_at = monotonic()
        for batch in records.values():
            for record in batch:
                self._apply(record)

    def _apply(self, record: "ConsumerRecord[bytes | None, bytes | None]") -> None:
        self.records += 1
        try:
            key = (record.key or b"").decode()
        except UnicodeDecodeError:
            log.warning("%s@%d: the key is not text; ignored", self._topic, record.offset)
            return
        self._on_record(key, record.value)
