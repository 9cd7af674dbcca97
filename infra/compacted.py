"""A compacted topic read whole, once."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from infra.kafka import ADVICE, QUIET
from schemas.errors import Unavailable

OnRecord = Callable[[bytes, bytes | None], None]
"""Takes a record: its key, and its value or None."""

_SETTLING = (
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
)  # fmt: skip


def read_records(options: Mapping[str, Any], topic: str, on_record: OnRecord, timeout_s: float = 10.0) -> None:
    """Hand over every record up to the end that the partitions have when asked, those of one partition in order.

    Raises Unavailable where the topic is missing or its end is not reached within `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    consumer = Consumer(
        {
            **QUIET,
            **options,
            "group.id": f"weir-read-{uuid.uuid4()}",  # the client wants one; with assign() none comes to be
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    try:
        unread = {partition: end for partition, (_, end) in spans(consumer, topic, deadline).items()}
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in unread])
        _read_up_to(consumer, topic, unread, on_record, deadline)
    except KafkaException as error:
        raise Unavailable("kafka", f"topic {topic} cannot be read: {error.args[0].str()}; {ADVICE}") from error
    finally:
        consumer.close()


def spans(consumer: Consumer, topic: str, deadline: float) -> dict[int, tuple[int, int]]:
    """Partition -> first offset and end, of the partitions that hold anything. Raises Unavailable, KafkaException."""
    found = watermarks(consumer, topic, deadline)
    return {partition: (low, high) for partition, (low, high) in found.items() if high > low}


def watermarks(consumer: Consumer, topic: str, deadline: float) -> dict[int, tuple[int, int]]:
    """Partition -> first offset and end. Raises Unavailable, KafkaException."""
    known = consumer.list_topics(topic, timeout=_left(deadline)).topics[topic]
    if known.error is not None:
        raise Unavailable("kafka", f"topic {topic}: {known.error.str()}; make it with `weir topics create`")
    return {partition: _span(consumer, TopicPartition(topic, partition), deadline) for partition in known.partitions}


def _span(consumer: Consumer, partition: TopicPartition, deadline: float) -> tuple[int, int]:
    """First offset and end. A partition just made has no leader for a moment."""
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=_left(deadline))
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _read_up_to(consumer: Consumer, topic: str, unread: dict[int, int], on_record: OnRecord, deadline: float) -> None:
    while unread:
        if time.monotonic() > deadline:
            raise Unavailable("kafka", f"topic {topic} was not read to its end in time; {ADVICE}")
        message = consumer.poll(min(0.5, _left(deadline)))
        if message is None:
            continue
        partition, offset, error = message.partition(), message.offset(), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        assert partition is not None
        assert offset is not None
        if error is None:
            on_record(message.key() or b"", message.value())
            offset += 1
        if offset >= unread.get(partition, offset + 1):
            del unread[partition]


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
