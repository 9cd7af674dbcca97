"""Topics of a test's own, and everything that lies on one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.kafka import publish

WAIT_S = 30.0
POLL_S = 0.05
_GROUP_NOT_READY = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}


def make_topic(bootstrap: str, name: str, partitions: int = 4) -> str:
    """A fresh topic; the wheel broker makes it by itself when it is asked for."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        try:
            future.result(WAIT_S)
        except Exception:
            admin.list_topics(name, timeout=WAIT_S)
    return name


def fill(bootstrap: str, topic: str, count: int, value: Callable[[int], bytes] = lambda i: b"%d" % i) -> None:
    """`count` records with 97 different keys."""
    publish({"bootstrap.servers": bootstrap}, topic, [(b"k%d" % (i % 97), value(i), ()) for i in range(count)])


class NotText(str):
    """A header name that a producer would write as these bytes."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


UNTOLD = [(NotText("x"), b"1")]


async def put_untold_header(bootstrap: str, topic: str, partitions: int, key: bytes) -> None:
    """One record on each partition whose header's name is no text; other clients refuse to write such."""
    for partition in range(partitions):
        await put_batch(bootstrap, topic, partition, [(key, UNTOLD)])


async def put_batch(
    bootstrap: str, topic: str, partition: int, records: Sequence[tuple[bytes, list[tuple[str, bytes]]]]
) -> None:
    """Records of these keys and headers, as one batch."""
    batch = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 16_384)
    for offset, (key, headers) in enumerate(records):
        batch.append(offset, int(time.time() * 1000), key, b"{}", headers)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        made = producer.create_batch()
        made._builder = batch
        made._relative_offset = len(records)
        made.close()
        await (await producer.send_batch(made, topic, partition=partition))
    finally:
        await producer.stop()


def read_all(bootstrap: str, topic: str) -> list[Message]:
    """Every record from the beginning to the present end of each partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, timeout=WAIT_S).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=WAIT_S) for p in partitions}
        consumer.assign([TopicPartition(topic, p, low) for p, (low, high) in ends.items() if high > low])
        expected = sum(high - low for low, high in ends.values())
        messages: list[Message] = []
        deadline = time.monotonic() + WAIT_S
        while len(messages) < expected and time.monotonic() < deadline:
            messages += [m for m in consumer.consume(1000, timeout=0.5) if m.error() is None]
        assert len(messages) >= expected, f"{topic}: read {len(messages)} of {expected}"
        return messages
    finally:
        consumer.close()


class Offsets:
    """What a group has committed, asked with one client however often: a new one costs the broker 60 ms of its time."""

    def __init__(self, bootstrap: str, group: str) -> None:
        options = {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False}
        self._consumer = Consumer({**options, "log_level": 2})

    def of(self, topic: str, partitions: Sequence[int] = range(4)) -> dict[int, int]:
        """Partition -> offset, 0 where there is none."""
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        try:
            found = self._consumer.committed(wanted, timeout=WAIT_S)
        except KafkaException as error:
            if error.args[0].code() not in _GROUP_NOT_READY:
                raise
            found = []
        return dict.fromkeys(partitions, 0) | {tp.partition: max(0, tp.offset) for tp in found}

    def close(self) -> None:
        self._consumer.close()


async def until(condition: Callable[[], Any], what: str, wait_s: float = WAIT_S) -> None:
    """Wait for a condition, bounded."""
    deadline = time.monotonic() + wait_s
    while not await _value(condition):
        assert time.monotonic() < deadline, f"not within {wait_s} s: {what}"
        await asyncio.sleep(POLL_S)


async def _value(condition: Callable[[], Any]) -> Any:
    value = condition()
    return await value if isinstance(value, Awaitable) else value


def values(messages: Sequence[Message]) -> list[bytes]:
    return [message.value() or b"" for message in messages]
