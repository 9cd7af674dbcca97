"""Everything that lies on a topic, read with confluent-kafka alone."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.kafka import POLL_S
from tests.stack import chosen

T = TypeVar("T")
WAIT_S = 30.0
IDLE_MS = 50 if chosen().kafka == "wheel" else 5000
"""How long a fetch waits for records; the wheel broker answers one that waits at its end only, others at once."""


@dataclass(frozen=True)
class Event:
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @cached_property
    def body(self) -> Any:
        """Its JSON; an empty object where it is none, as tests put garbage on topics too."""
        try:
            return json.loads(self.value or b"{}")
        except ValueError:
            return {}

    @property
    def raw(self) -> bytes:
        """Every byte of it."""
        parts = [self.key or b"", self.value or b"", *(name.encode() + b"=" + value for name, value in self.headers)]
        return b"\n".join(parts)


class Ends:
    """Where topics end, asked with a client of its own: what a reader asks waits behind its fetch."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody", "enable.auto.commit": False})

    def close(self) -> None:
        self._consumer.close()

    def partitions(self, topic: str) -> list[int]:
        found = self._consumer.list_topics(topic, timeout=WAIT_S).topics[topic]
        assert found.error is None, found.error
        return list(found.partitions)

    def of(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Partition -> end offset."""
        return {partition: self._end(TopicPartition(topic, partition)) for partition in partitions}

    def _end(self, tp: TopicPartition) -> int:
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                return int(self._consumer.get_watermark_offsets(tp, timeout=WAIT_S)[1])
            except KafkaException as error:  # a topic that was made just now
                if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)


class Tap:
    """Reads a topic from its beginning, as far as it is asked to, and keeps what it has read."""

    def __init__(self, bootstrap: str, topic: str, ends: Ends) -> None:
        options = {"enable.auto.commit": False, "fetch.wait.max.ms": IDLE_MS, "auto.offset.reset": "earliest"}
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"tap-{uuid4()}", **options})
        self._topic, self._ends = topic, ends
        self._next = dict.fromkeys(ends.partitions(topic), 0)
        self._consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in self._next])
        self.events: list[Event] = []
        self._sorted = 0
        self._by_request: dict[str, list[Any]] = {}

    def close(self) -> None:
        self._consumer.close()

    def poll(self, timeout_s: float = 0.05) -> None:
        """Take what has come."""
        for message in self._consumer.consume(2000, timeout=timeout_s):
            assert message.error() is None, message.error()
            self.events.append(_event(message))
            self._next[self.events[-1].partition] = self.events[-1].offset + 1

    def until(self, condition: Callable[[list[Event]], T], what: str, wait_s: float = WAIT_S) -> T:
        """What the condition makes of everything read, once that is true."""
        deadline = time.monotonic() + wait_s
        while not (found := condition(self.events)):
            assert time.monotonic() < deadline, f"not within {wait_s} s on {self._topic}: {what}"
            self.poll()
        return found

    def of_request(self, request_id: str) -> list[Any]:
        """The bodies that name it among those read; at least one is waited for."""

        def mine(events: list[Event]) -> list[Any]:
            for event in events[self._sorted :]:
                self._by_request.setdefault(event.body.get("request_id"), []).append(event.body)
            self._sorted = len(events)
            return self._by_request.get(request_id, [])

        return self.until(mine, f"a record of {request_id}")

    def to_end(self) -> list[Event]:
        """Everything up to the end that the topic has now."""
        ends = {p: end for p, end in self.ends().items() if end > self._next[p]}
        self.until(lambda _: all(self._next[p] >= end for p, end in ends.items()), f"ends {ends}")
        return self.events

    def ends(self) -> dict[int, int]:
        """Partition -> end offset."""
        return self._ends.of(self._topic, self._next)

    @property
    def partitions(self) -> list[int]:
        return list(self._next)


def _event(message: Message) -> Event:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return Event(partition, offset, message.key(), message.value(), _headers(message))


def _headers(message: Message) -> Any:
    """None of a record with a name that is no UTF-8: confluent-kafka gives neither that nor the others."""
    try:
        return message.headers() or []
    except (SystemError, UnicodeDecodeError):
        return []
