"""The records of a topic between two moments, read once, by a consumer that nobody notices."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.compacted import spans
from infra.kafka import ADVICE, QUIET
from schemas.errors import Unavailable

PATIENCE_S = 30.0
POLL_S = 0.5
SKEW_MS = 5 * 60_000
"""How far the clocks of those who write may be apart: behind the first record that is too late, others may not be."""
_OWN = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "queued.max.messages.kbytes": 16 * 1024,
    "max.poll.interval.ms": 86_400_000,  # whoever reads may take long over what it has read
}


class Window:
    """What lies between two moments, [first_ms, end_ms), by the records' own time.

    kept: partition -> first offset and end. records: how many offsets that are. read: how many of them were read.
    """

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        times: tuple[int, int],
        kept: Mapping[int, tuple[int, int]],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._times = times
        self._patience_s = patience_s
        self._kept = kept
        self._spans = dict(kept)
        self.read = 0

    @property
    def records(self) -> int:
        return sum(end - first for first, end in self._spans.values())

    def narrow(self) -> None:
        """Ask the broker at which offsets the moments lie."""
        first_ms, end_ms = self._times
        for place, moment in enumerate((first_ms, end_ms + SKEW_MS)):
            asked = [TopicPartition(self._topic, partition, moment) for partition in self._spans]
            for found in self._consumer.offsets_for_times(asked, timeout=PATIENCE_S) if asked else ():
                if found.error is not None:
                    raise KafkaException(found.error)
                first, end = self._spans[found.partition]
                offset = found.offset if found.offset >= 0 else end  # nothing is as late as that
                self._spans[found.partition] = (min(offset, end), end) if place == 0 else (first, min(offset, end))
        self._spans = {partition: (first, end) for partition, (first, end) in self._spans.items() if end > first}

    def values(self) -> Iterator[bytes | None]:
        """The records' values, those of one partition in order. Raises Unavailable, KafkaException."""
        first_ms, end_ms = self._times
        for message in self._messages(self._spans):
            self.read += 1
            if first_ms <= message.timestamp()[1] < end_ms:
                yield message.value()

    def kept_times(self) -> tuple[int, int] | None:
        """Of the first and the last record that the topic keeps, in epoch milliseconds; None where it keeps none."""
        ends = [{p: (first, first + 1) for p, (first, _) in self._kept.items()}]
        ends += [{p: (end - 1, end) for p, (_, end) in self._kept.items()}]
        times = [message.timestamp()[1] for spans in ends for message in self._messages(spans)]
        return (min(times), max(times)) if times else None

    def _messages(self, spans: Mapping[int, tuple[int, int]]) -> Iterator[Message]:
        consumer, unread = self._consumer, {partition: end for partition, (_, end) in spans.items()}
        consumer.assign([TopicPartition(self._topic, partition, first) for partition, (first, _) in spans.items()])
        heard = time.monotonic()
        while unread:
            message = consumer.poll(POLL_S)
            if message is None:
                if time.monotonic() - heard > self._patience_s:
                    silence = f"no record of topic {self._topic} in {self._patience_s:.0f} s"
                    raise Unavailable("kafka", f"{silence}; {ADVICE}")
                continue
            partition, offset, error = message.partition(), message.offset(), message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            assert partition is not None
            assert offset is not None
            end = unread.get(partition, 0)
            if error is None and offset < end:
                yield message
                offset += 1
            if offset >= end and unread.pop(partition, None) is not None:
                consumer.incremental_unassign([TopicPartition(self._topic, partition)])
            heard = time.monotonic()  # however long whoever reads took


@contextmanager
def window(
    options: Mapping[str, Any], topic: str, first_ms: int, end_ms: int, *, knows_times: bool = True
) -> Iterator[Window]:
    """The records from one moment until before another, both in epoch milliseconds, as far as the topic reaches now.

    knows_times: whether the broker finds offsets by time; where it does not, all is read, and the rest passed over.
    Raises Unavailable, also while it is read.
    """
    # The client wants a group; with assign() none comes to be.
    consumer = Consumer({**QUIET, **options, **_OWN, "group.id": f"weir-read-{uuid.uuid4()}"})
    try:
        kept = spans(consumer, topic, time.monotonic() + PATIENCE_S)
        found = Window(consumer, topic, (first_ms, end_ms), kept)
        if knows_times:
            found.narrow()
        yield found
    except KafkaException as error:
        raise Unavailable("kafka", f"topic {topic} cannot be read: {error.args[0].str()}; {ADVICE}") from error
    finally:
        consumer.close()
