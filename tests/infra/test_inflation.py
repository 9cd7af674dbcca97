"""Batches that are small on the broker and would be large in memory, read by aiokafka's compiled and Python readers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from agents.admit import examine
from agents.persist import persist_keys
from infra.inflation import MAX_INFLATED_BYTES, MAX_POLL_BYTES, guard_readers
from schemas.message import Batch
from tests.agents.scorer import NOW, FakeCounters, FakeKeys
from tests.kafka import WAIT_S

MIB = 1024 * 1024

READ = """
import asyncio, json, resource, sys
from aiokafka import AIOKafkaConsumer
from aiokafka.record import memory_records
from infra.inflation import guard_readers

async def read(topic, bootstrap, count):
    guard_readers()
    resource.setrlimit(resource.RLIMIT_DATA, (160 << 20, 160 << 20))
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found = []
    while len(found) < count:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            found += [[r.offset, len(r.value), [name for name, _ in r.headers]] for r in records]
    await consumer.stop()
    return found

found = asyncio.run(asyncio.wait_for(read(sys.argv[1], sys.argv[2], int(sys.argv[3])), 60))
print(json.dumps([memory_records.MemoryRecords.__name__, found]))
"""


def roomy_topic(bootstrap: str, name: str) -> str:
    """A topic with one partition that takes the records that Weir's topics take."""
    new = NewTopic(name, 1, 1, config={"max.message.bytes": str(4 * MIB)})
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([new])[name].result(WAIT_S)
    return name


def put(bootstrap: str, topic: str, codec: str, *values: bytes) -> None:
    """The values as one batch."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": codec,
            "message.max.bytes": 1_000_000_000,
            "batch.size": 64 * MIB,
            "queue.buffering.max.kbytes": 2_000_000,
            "linger.ms": 60_000,  # until the flush, which does not wait for it
        }
    )
    failed: list[Any] = []
    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=lambda error, _: error and failed.append(error))
    producer.flush(60)
    assert not failed


@pytest.mark.real_broker
@pytest.mark.parametrize(("codec", "size"), [("gzip", 170), ("snappy", 60), ("lz4", 170), ("zstd", 170)])
async def test_one_record_stands_for_a_batch_that_would_be_too_large(
    bootstrap: str, unique: Callable[..., str], codec: str, size: int
) -> None:
    """The reader has 160 MiB in all; records before and after it, in batches of the same codec, are read."""
    topic = roomy_topic(bootstrap, unique(codec))
    send = partial(asyncio.to_thread, put, bootstrap, topic, codec)
    await send(b"1" * 1000)
    await send(b"0" * (size * MIB))
    await send(b"2" * (MAX_INFLATED_BYTES - 1000))
    await send(*[b"0" * MIB] * 20)
    await send(b"3")
    for switch, reader in (("", "MemoryRecords"), ("1", "_MemoryRecordsPy")):
        assert await asyncio.to_thread(read, topic, bootstrap, switch) == [
            reader,
            [[0, 1000, []], [1, 0, ["unread"]], [2, MAX_INFLATED_BYTES - 1000, []], [22, 0, ["unread"]], [23, 1, []]],
        ]


def read(topic: str, bootstrap: str, no_extensions: str) -> Any:
    """What a process of little memory reads there."""
    environ = {**os.environ, "AIOKAFKA_NO_EXTENSIONS": no_extensions}
    command = [sys.executable, "-c", READ, topic, bootstrap, "5"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.real_broker
async def test_a_poll_takes_few_bytes_of_a_partition_at_once(bootstrap: str, unique: Callable[..., str]) -> None:
    topic = roomy_topic(bootstrap, unique("polls"))
    await asyncio.to_thread(put, bootstrap, topic, "gzip", *[b"0" * MIB] * 12)
    await asyncio.to_thread(put, bootstrap, topic, "gzip", *[b"0" * MIB] * 12)
    guard_readers()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    polls: list[list[Any]] = []
    try:
        async with asyncio.timeout(30):
            while sum(map(len, polls)) < 24:
                polls += (await consumer.getmany(timeout_ms=500, max_records=1000)).values()
    finally:
        await consumer.stop()
    assert [record.offset for records in polls for record in records] == list(range(24))
    assert max(sum(len(record.value) for record in records) for records in polls) <= MAX_POLL_BYTES


@pytest.mark.real_broker
async def test_what_was_not_read_ends_as_a_dead_letter_that_says_where_it_lies(
    bootstrap: str, unique: Callable[..., str]
) -> None:
    topic = roomy_topic(bootstrap, unique("bomb"))
    await asyncio.to_thread(put, bootstrap, topic, "gzip", *[b"0" * (9 * MIB)] * 2)
    guard_readers()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            record: Any = await consumer.getone()
    finally:
        await consumer.stop()
    refusal = examine(record, keys=FakeKeys(), now=NOW)
    assert (refusal.dead_letter, refusal.record.offset) == ("too_large", 1)  # type: ignore[union-attr]
    assert "offsets 0 to 1: the batch has more than 16777216 bytes" in refusal.error["message"]  # type: ignore[union-attr]
    [letter] = await persist_keys(Batch(topic, [record]), store=Nothing(), counters=FakeCounters(), dead_letters="dead")
    written = json.loads(letter.value)
    assert (written["reason"], written["partition"], written["offset"]) == ("too_large", 0, 1)


class Nothing:
    """A store that is given no keys."""

    async def save_keys(self, keys: Any, deleted: Any, positions: Any) -> list[Any]:
        assert not keys
        assert not deleted
        return []
