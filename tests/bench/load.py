"""Signed requests in bulk, and how far topics have come."""

import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from itertools import cycle, islice, starmap
from typing import Any, NamedTuple

from confluent_kafka import Consumer, ConsumerGroupState, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from infra.kafka import client_options
from models.simulate import customer_rows
from schemas.errors import Unavailable
from schemas.message import Emission
from schemas.request import new_request_id
from schemas.signing import signing_key
from streams.producer import OPTIONS
from streams.requests import request_body, signed_request
from streams.topics import PREDICTION_REQUESTS
from tests.bench.place import Lane

CUSTOMERS = 10_000
WAIT_S = 30.0
QUIET = {"log_level": 2}
"""The stack is stopped while clients are still there."""


@cache
def customers(seed: int = 11) -> list[tuple[str, bytes]]:
    """(entity, body) of simulated customers."""
    rows = customer_rows(CUSTOMERS, seed)
    return [(f"c-{i}", request_body(row, entity=f"c-{i}", model="churn")) for i, row in enumerate(rows)]


class Load:
    """Puts signed requests on a lane, each under an id of its own and signed as it is sent."""

    def __init__(self, lane: Lane, *, linger_ms: int = 20) -> None:
        self._topic = lane.topic(PREDICTION_REQUESTS.name)
        self._signers = cycle([(key.key_id, signing_key(key.api_key)) for key in lane.keys])
        self._customers = cycle(customers())
        self._producer = Producer({**QUIET, **OPTIONS, **client_options(lane.settings), "linger.ms": linger_ms})
        self._failed: list[str] = []

    def put(self, count: int) -> None:
        """Return when the broker has `count` more. Raises Unavailable."""
        self.send(starmap(self._signed, islice(self._customers, count)))

    def signed(self, count: int) -> list[Emission]:
        """As many requests, signed now and not yet sent: to be sent within five minutes."""
        return list(starmap(self._signed, islice(self._customers, count)))

    def send(self, requests: Iterable[Emission]) -> None:
        """Return when the broker has them all. Raises Unavailable."""
        for request in requests:
            self._produce(request)
        if self._producer.flush(WAIT_S) or self._failed:
            raise Unavailable("kafka", f"the requests were not delivered: {(self._failed or ['no answer'])[0]}")

    def steadily(self, rate: float, seconds: float) -> int:
        """Send so many a second, each when it is due, whatever becomes of those before: how many they were."""
        began, count = time.perf_counter(), round(rate * seconds)
        for number, (entity, body) in enumerate(islice(self._customers, count)):
            if (early := began + number / rate - time.perf_counter()) > 0:
                time.sleep(early)
            self._produce(self._signed(entity, body))
        time.sleep(max(0.0, began + seconds - time.perf_counter()))
        return count

    def _signed(self, entity: str, body: bytes) -> Emission:
        key_id, key = next(self._signers)
        now_ms, request_id = time.time_ns() // 1_000_000, new_request_id()
        return signed_request(
            self._topic, body, entity=entity, request_id=request_id, key_id=key_id, signing_key=key, now_ms=now_ms
        )

    def _produce(self, emission: Emission) -> None:
        while True:
            try:
                self._producer.produce(
                    emission.topic,
                    emission.value,
                    emission.key,
                    headers=list(emission.headers),
                    on_delivery=self._delivered,
                )
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failed.append(error.str())


class Ends:
    """Watches how many records a topic holds."""

    def __init__(self, lane: Lane, topic: str) -> None:
        self._options = {**QUIET, **client_options(lane.settings)}
        self._admin = AdminClient(self._options)
        known: Any = self._admin.list_topics(topic, timeout=WAIT_S)
        self._partitions = [TopicPartition(topic, number) for number in known.topics[topic].partitions]
        self._counted = 0

    def count(self) -> int:
        """Records on all partitions; nothing is ever deleted here. As before while the broker does not say: a
        partition just made has no leader."""
        latest: Any = OffsetSpec
        asked = self._admin.list_offsets({tp: latest.latest() for tp in self._partitions})
        with suppress(KafkaException):
            self._counted = sum(future.result(WAIT_S).offset for future in asked.values())
        return self._counted

    def span_s(self) -> float:
        """Seconds between the first and the last record's timestamps: when their producers were given them."""
        consumer = Consumer({**self._options, "group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 5})
        try:
            ends = {tp: consumer.get_watermark_offsets(tp, timeout=WAIT_S)[1] for tp in self._partitions}
            times = [
                _timestamp(consumer, TopicPartition(tp.topic, tp.partition, offset))
                for tp, end in ends.items()
                if end
                for offset in (0, end - 1)
            ]
        finally:
            consumer.close()
        return (max(times) - min(times)) / 1000


class Seen(NamedTuple):
    """A record: when its producer was given it, in epoch milliseconds, and its value."""

    timestamp_ms: int
    value: bytes


class Tail:
    """Reads what a topic got since `begin`, when it is asked to and not before: nothing is fetched beside a drain."""

    def __init__(self, lane: Lane, topic: str) -> None:
        options = {**QUIET, **client_options(lane.settings), "group.id": "bench", "enable.auto.commit": False}
        self._consumer = Consumer(options)
        known: Any = self._consumer.list_topics(topic, timeout=WAIT_S)
        self._partitions = [TopicPartition(topic, number) for number in known.topics[topic].partitions]
        self._begun = self._partitions

    def begin(self) -> None:
        ends = [self._consumer.get_watermark_offsets(tp, timeout=WAIT_S)[1] for tp in self._partitions]
        self._begun = [
            TopicPartition(tp.topic, tp.partition, end) for tp, end in zip(self._partitions, ends, strict=True)
        ]

    def read(self, count: int) -> list[Seen]:
        """The first `count` records since then. Raises Unavailable where they are not there."""
        self._consumer.assign(self._begun)
        found: list[Seen] = []
        while len(found) < count:
            messages = self._consumer.consume(min(10_000, count - len(found)), timeout=WAIT_S)
            if not messages:
                raise Unavailable("kafka", f"{len(found)} results were read, not {count}")
            found += [Seen(message.timestamp()[1], message.value() or b"") for message in messages]
        self._consumer.unassign()
        return found


class Group:
    """Watches a role's consumer group."""

    def __init__(self, lane: Lane, role: str) -> None:
        self._name = lane.topic(role)
        self._admin = AdminClient({**QUIET, **client_options(lane.settings)})

    def members(self) -> int:
        """How many share the partitions; 0 while they are being shared out."""
        with suppress(KafkaException):
            group = self._admin.describe_consumer_groups([self._name])[self._name].result(WAIT_S)
            return len(group.members) if group.state == ConsumerGroupState.STABLE else 0
        return 0


def _timestamp(consumer: Consumer, place: TopicPartition) -> int:
    consumer.assign([place])
    message = consumer.poll(WAIT_S)
    if message is None or message.error() is not None:
        raise Unavailable("kafka", f"no record was read at {place.topic}[{place.partition}]@{place.offset}")
    return int(message.timestamp()[1])
