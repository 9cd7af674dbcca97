"""The records of one partition from an offset on, whose place the reader keeps elsewhere than in a consumer group."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.kafka import ADVICE, QUIET
from schemas.errors import Unavailable

PATIENCE_S = 30.0


class Read(NamedTuple):
    """A record."""

    offset: int
    value: bytes | None


class Reader:
    """Reads one partition. Every method raises Unavailable."""

    def __init__(self, consumer: Consumer, place: TopicPartition) -> None:
        self._consumer = consumer
        self._place = place

    def read(self, most: int, wait_s: float) -> Sequence[Read]:
        """The next records, none after a while without any."""
        with _reaching(self._place.topic):
            found = []
            for message in self._consumer.consume(most, wait_s):
                if (error := message.error()) is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                if error is None and (offset := message.offset()) is not None:
                    found.append(Read(offset, message.value()))
            return found

    def lag(self, next_offset: int) -> int:
        """How many records are still to come, as the last fetch had it."""
        with _reaching(self._place.topic):
            _, end = self._consumer.get_watermark_offsets(self._place, timeout=PATIENCE_S, cached=True)
            return max(0, int(end) - next_offset)


@contextmanager
def reading(options: Mapping[str, Any], topic: str, offset: int) -> Iterator[Reader]:
    """A reader of the topic's first partition; from its first record on where it has no record at the offset any more,
    or not yet."""
    own = {"enable.auto.commit": False, "auto.offset.reset": "earliest"}
    # The client wants a group; with assign() none comes to be.
    consumer = Consumer({**QUIET, **options, **own, "group.id": f"weir-learn-{uuid.uuid4()}"})
    place = TopicPartition(topic, 0, offset)
    try:
        with _reaching(topic):
            consumer.assign([place])
        yield Reader(consumer, place)
    finally:
        consumer.close()


@contextmanager
def _reaching(topic: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise Unavailable("kafka", f"topic {topic} cannot be read: {error.args[0].str()}; {ADVICE}") from error
