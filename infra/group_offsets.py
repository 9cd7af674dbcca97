"""A consumer group as its brokers know it: who is in it, where it stands, and how it is taken back."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.compacted import watermarks
from infra.kafka import ADVICE, QUIET
from schemas.errors import BadSettings, Unavailable

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Span:
    """What is to be read of one partition: from `start` until before `end`. kept_from: the first offset that it has."""

    topic: str
    partition: int
    kept_from: int
    start: int
    end: int


def spans_from(options: Mapping[str, Any], topics: Sequence[str], first_ms: int | None) -> list[Span]:
    """What each partition of the topics holds now, from that moment on where one is given. Raises Unavailable."""
    consumer = Consumer({**QUIET, **options, "group.id": "weir-look", "enable.auto.commit": False})
    try:
        with _reaching("topics cannot be read"):
            deadline = time.monotonic() + PATIENCE_S
            found = [
                Span(topic, partition, low, low, high)
                for topic in topics
                for partition, (low, high) in watermarks(consumer, topic, deadline).items()
            ]
            return found if first_ms is None else [_from_moment(consumer, span, first_ms) for span in found]
    finally:
        consumer.close()


def _from_moment(consumer: Consumer, span: Span, first_ms: int) -> Span:
    asked = [TopicPartition(span.topic, span.partition, first_ms)]
    [found] = consumer.offsets_for_times(asked, timeout=PATIENCE_S)
    if found.error is not None:
        raise KafkaException(found.error)
    start = found.offset if found.offset >= 0 else span.end  # nothing is as late as that
    return Span(span.topic, span.partition, span.kept_from, min(start, span.end), span.end)


def members(options: Mapping[str, Any], group: str) -> int:
    """How many processes are in the group now. Raises Unavailable."""
    admin = AdminClient({**QUIET, **options})
    with _reaching(f"group {group} cannot be looked at"):
        described = admin.describe_consumer_groups([group], request_timeout=PATIENCE_S)
        try:
            return len(described[group].result(PATIENCE_S).members)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise
            return 0


def take_back(options: Mapping[str, Any], group: str, spans: Iterable[Span]) -> None:
    """Have the group read from each span's start on. Raises BadSettings where somebody is in it, Unavailable."""
    wanted = [TopicPartition(span.topic, span.partition, span.start) for span in spans]
    admin = AdminClient({**QUIET, **options})
    with _reaching(f"group {group} cannot be taken back"):
        asked = [ConsumerGroupTopicPartitions(group, wanted)]
        changed = admin.alter_consumer_group_offsets(asked, request_timeout=PATIENCE_S)
        try:
            told = changed[group].result(PATIENCE_S)
        except KafkaException as error:
            if error.args[0].code() in (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.NON_EMPTY_GROUP):
                raise BadSettings(f"somebody has joined the group {group}: end that process first") from error
            raise
        for one in told.topic_partitions:
            if one.error is not None:
                raise KafkaException(one.error)


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise Unavailable("kafka", f"{what}: {error.args[0].str()}; {ADVICE}") from error
    except TimeoutError as error:
        raise Unavailable("kafka", f"{what}: no answer in {PATIENCE_S:.0f} s; {ADVICE}") from error
