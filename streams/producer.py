"""One idempotent producer per process: librdkafka, polled by a thread that reports to the loop once per batch."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, Message
from confluent_kafka import Producer as Client

from schemas.errors import Unavailable
from schemas.message import Emission
from schemas.wire import MAX_RECORD_BYTES

log = logging.getLogger("weir.producer")

BATCH_BYTES = 1024 * 1024
"""Most bytes that are sent as one batch, which the broker holds to the topic's limit; one record may have more."""

OPTIONS: Mapping[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "delivery.timeout.ms": 30_000,
    "linger.ms": 1,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 256 * 1024,
    "message.max.bytes": MAX_RECORD_BYTES,
    "batch.size": BATCH_BYTES,
    # As aiokafka and the Java clients do it: librdkafka's own default sends a key to another partition.
    "partitioner": "murmur2_random",
}
PARTITION_UA = -1
"""librdkafka's word for: the key decides."""
POLL_S = 0.1
ROOM_S = 0.01
FLUSH_S = 30.0
CHECK_S = 1.0


class Producer:
    """Sends emissions; each call's future resolves when all of its records are delivered.

    options: confluent-kafka options of the connection; OPTIONS hold for what they do not name.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._health = _Health()
        self._client = Client({**OPTIONS, **options, "error_cb": self._health}, logger=log)
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="weir-producer", daemon=True)

    async def start(self) -> None:
        """Start the polling thread."""
        self._poller.start()

    async def stop(self) -> None:
        """Deliver what is queued, for at most 30 s, and end the thread."""
        await asyncio.to_thread(self._client.flush, FLUSH_S)
        self._stopping.set()
        await asyncio.to_thread(self._poller.join)

    def send(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        """Queue the emissions in order.

        The future raises Unavailable when one was not delivered or may not have been: nothing that
        depends on it may then be acked.
        """
        loop = asyncio.get_running_loop()
        delivery = _Delivery(loop, len(emissions))
        if self.broken is not None:
            delivery.fail(self.broken)
            return delivery.future
        for emission in emissions:
            if not self._enqueue(emission, delivery):
                delivery.fail("the producer's queue is full: the broker takes records too slowly")
        return delivery.future

    async def feed(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        """As `send`, but waits for room in the queue: a broker that takes records slowly slows its worker down."""
        delivery = _Delivery(asyncio.get_running_loop(), len(emissions))
        if self.broken is not None:
            delivery.fail(self.broken)
        for emission in emissions:
            while not delivery.future.done() and not self._enqueue(emission, delivery):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(ROOM_S)
        return delivery.future

    @property
    def broken(self) -> str | None:
        """Why nothing can be sent any more until the process starts again, or None."""
        return self._health.broken

    async def failed(self) -> None:
        """Returns never; raises Unavailable once the producer is broken."""
        while self.broken is None:  # noqa: ASYNC110 - the client's thread knows no loop to wake
            await asyncio.sleep(CHECK_S)
        raise Unavailable("kafka", self.broken)

    def _enqueue(self, emission: Emission, delivery: "_Delivery") -> bool:
        """False where the queue is full."""
        chosen, headers = emission.partition, emission.headers
        if chosen is None:
            chosen = PARTITION_UA
        given: Any = headers if isinstance(headers, list) else list(headers)
        try:
            self._client.produce(emission.topic, emission.value, emission.key, chosen, delivery, headers=given)
        except BufferError:
            return False
        except Exception as error:
            delivery.fail(f"record for {emission.topic} was not queued: {error}")
        return True

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._client.poll(POLL_S)


class _Health:
    """Hears the client's errors; an object of its own, as a method of the producer would keep the client alive."""

    def __init__(self) -> None:
        self.broken: str | None = None

    def __call__(self, error: KafkaError) -> None:
        if error.fatal():
            self.broken = f"the producer is broken, start the process again: {error.str()}"


class _Delivery:
    """Counts one call's delivery reports in the polling thread and wakes the loop once, at the last or the first
    failed one."""

    __slots__ = ("_left", "_loop", "future")

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self._loop = loop
        self._left = count
        self.future: asyncio.Future[None] = loop.create_future()
        if count == 0:
            self.future.set_result(None)

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        self._left -= 1
        if error is not None:
            self._loop.call_soon_threadsafe(self.fail, f"{message.topic()}: {error.str()}")
        elif self._left == 0:
            self._loop.call_soon_threadsafe(self._succeed)

    def fail(self, why: str) -> None:
        if not self.future.done():
            self.future.set_exception(Unavailable("kafka", why))

    def _succeed(self) -> None:
        if not self.future.done():
            self.future.set_result(None)
