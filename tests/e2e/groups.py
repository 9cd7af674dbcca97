"""Consumer groups as the broker describes them.

Asked in Kafka's own protocol (DescribeGroups, version 0): of the clients at hand one never hears of a group that does
not exist yet, another leaks its sockets.
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

DESCRIBE_GROUPS = 15
ANSWER_S = 10.0


@dataclass
class Reader:
    """Takes Kafka's primitive types off a buffer, one after the other."""

    data: bytes
    at: int = 0

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from(f">{form}", self.data, self.at)
        self.at += struct.calcsize(f">{form}")
        return int(value)

    def block(self, length: int) -> bytes:
        self.at += max(0, length)
        return self.data[self.at - max(0, length) : self.at]

    def text(self) -> str:
        return self.block(self.take("h")).decode()


def rewind(bootstrap: str, group: str, topic: str, partitions: Sequence[int]) -> None:
    """Takes a group without members back to the beginning, as kafka-consumer-groups.sh --reset-offsets does."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        wanted = [TopicPartition(topic, partition, 0) for partition in partitions]
        done = consumer.commit(offsets=wanted, asynchronous=False)
        assert not [tp.error for tp in done or () if tp.error]
    finally:
        consumer.close()


def shares(bootstrap: str, group: str) -> list[int]:
    """How many partitions each member of a stable group holds, fewest first; nothing while it is not stable."""
    reader = Reader(_describe(bootstrap, group))
    _correlation, _groups, _error, _name, state = (
        reader.take("i"),
        reader.take("i"),
        reader.take("h"),
        reader.text(),
        reader.text(),
    )
    _type, _protocol = reader.text(), reader.text()
    if state != "Stable":
        return []
    return sorted(_member(reader) for _ in range(reader.take("i")))


def _member(reader: Reader) -> int:
    for _ in ("member id", "client id", "host"):
        reader.text()
    reader.block(reader.take("i"))
    assigned = Reader(reader.block(reader.take("i")))
    if not assigned.data:
        return 0
    assigned.take("h")
    return sum(_partitions(assigned) for _ in range(assigned.take("i")))


def _partitions(assigned: Reader) -> int:
    assigned.text()
    count = assigned.take("i")
    assigned.block(4 * count)
    return count


def _describe(bootstrap: str, group: str) -> bytes:
    host, _, port = bootstrap.partition(":")
    name = group.encode()
    request = struct.pack(">hhih", DESCRIBE_GROUPS, 0, 1, -1) + struct.pack(">ih", 1, len(name)) + name
    with socket.create_connection((host, int(port)), timeout=ANSWER_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answer:
            (length,) = struct.unpack(">i", answer.read(4))
            return answer.read(length)
