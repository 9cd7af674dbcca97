"""Everything that lies on a topic, read with confluent-kafka alone."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

T = TypeVar("T")
WAIT_S = 30.0


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


class Tap:
    """Reads a topic from its beginning, as far as it is asked to, and keeps what it has read."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        options = {"enable.auto.commit": False, "fetch.wait.max.ms": 50, "auto.offset.reset": "earliest"}
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"tap-{uuid4()}", **options})
        self._topic = topic
        found = self._consumer.list_topics(topic, timeout=WAIT_S).topics[topic]
        assert found.error is None, found.error
        self._tps = [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in found.partitions]
        self._next = {tp.partition: 0 for tp in self._tps}
        self._consumer.assign(self._tps)
        self.events: list[Event] = []

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

    def to_end(self) -> list[Event]:
        """Everything up to the end that the topic has now."""
        ends = {p: end for p, end in self.ends().items() if end > self._next[p]}
        self.until(lambda _: all(self._next[p] >= end for p, end in ends.items()), f"ends {ends}")
        return self.events

    def ends(self) -> dict[int, int]:
        """Partition -> end offset."""
        marks = ((tp, self._consumer.get_watermark_offsets(tp, timeout=WAIT_S)) for tp in self._tps)
        return {tp.partition: high for tp, (_, high) in marks}


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
