"""The records of a topic as they come, read by a consumer that nobody notices."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.compacted import watermarks
from infra.kafka import ADVICE, QUIET
from schemas.errors import Unavailable

PATIENCE_S = 30.0
SILENCE_S = 15.0
POLL_S = 0.25
"""How soon Ctrl-C is heard."""


@contextmanager
def following(
    options: Mapping[str, Any], topic: str, first_ms: int | None = None, *, knows_times: bool = True
) -> Iterator[Iterator[Message]]:
    """Records from a moment on, epoch milliseconds, or from now on; there is no end to them.

    knows_times: whether the broker finds offsets by time; where it does not, all is read, and the rest passed over.
    Raises Unavailable, also while it is read.
    """
    own = {"enable.auto.commit": False, "auto.offset.reset": "earliest"}
    # The client wants a group; with assign() none comes to be.
    consumer = Consumer({**QUIET, **options, **own, "group.id": f"weir-follow-{uuid.uuid4()}"})
    try:
        kept = watermarks(consumer, topic, time.monotonic() + PATIENCE_S)
        is_passed_over = first_ms is not None and not knows_times
        consumer.assign(_placed(consumer, topic, kept, 0 if is_passed_over else first_ms))
        yield (message for message in coming(consumer) if message.timestamp()[1] >= (first_ms or 0))
    except KafkaException as error:
        raise Unavailable("kafka", f"topic {topic} cannot be read: {error.args[0].str()}; {ADVICE}") from error
    finally:
        consumer.close()


def _placed(
    consumer: Consumer, topic: str, kept: Mapping[int, tuple[int, int]], first_ms: int | None
) -> list[TopicPartition]:
    """Where to begin on each partition. kept: first offset and end of each."""
    if not first_ms:
        return [TopicPartition(topic, p, end if first_ms is None else first) for p, (first, end) in kept.items()]
    found = consumer.offsets_for_times([TopicPartition(topic, p, first_ms) for p in kept], timeout=PATIENCE_S)
    for place in found:
        if place.error is not None:
            raise KafkaException(place.error)
        if place.offset < 0:  # nothing is as late as that
            place.offset = kept[place.partition][1]
    return found


def coming(consumer: Consumer, silence_s: float = SILENCE_S) -> Iterator[Message]:
    """What the consumer reads, for ever.

    Raises KafkaException, also where no broker answers after a silence, which would be taken for calm.
    """
    heard = time.monotonic()
    while True:
        message = consumer.poll(POLL_S)
        if message is None:
            if time.monotonic() - heard >= silence_s:
                consumer.get_watermark_offsets(consumer.assignment()[0], timeout=PATIENCE_S)
                heard = time.monotonic()
            continue
        error = message.error()
        if error is None:
            yield message
        elif error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        heard = time.monotonic()
