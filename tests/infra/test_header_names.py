"""Header names that are no text, read by aiokafka with its compiled reader and with its Python one."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.kafka import UNTOLD, make_topic, put_batch

READ = """
import asyncio, json, sys
from aiokafka import AIOKafkaConsumer
from aiokafka.record import memory_records
from infra.header_names import tolerate_header_names

async def read(topic, bootstrap, count):
    tolerate_header_names()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found = []
    while len(found) < count:
        record = await consumer.getone()
        found.append([record.offset, record.key.decode(), [name for name, _ in record.headers]])
    await consumer.stop()
    return found

found = asyncio.run(asyncio.wait_for(read(sys.argv[1], sys.argv[2], int(sys.argv[3])), 30))
print(json.dumps([memory_records.MemoryRecords.__name__, found]))
"""


@pytest.mark.parametrize(
    ("switch", "reader"), [({}, "MemoryRecords"), ({"AIOKAFKA_NO_EXTENSIONS": "1"}, "_MemoryRecordsPy")]
)
async def test_records_before_beside_and_after_it_are_read_and_its_name_with_replacements(
    bootstrap: str, unique: Callable[..., str], switch: dict[str, str], reader: str
) -> None:
    topic = make_topic(bootstrap, unique("untold"), 1)
    told = [("told", b"1")]
    await put_batch(bootstrap, topic, 0, [(b"before", told)])
    await put_batch(bootstrap, topic, 0, [(b"left", told), (b"untold", UNTOLD), (b"right", told)])
    await put_batch(bootstrap, topic, 0, [(b"after", told)])
    command = [sys.executable, "-c", READ, topic, bootstrap, "5"]
    environ = {name: value for name, value in os.environ.items() if name != "AIOKAFKA_NO_EXTENSIONS"} | switch
    done = await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        reader,
        [
            [0, "before", ["told"]],
            [1, "left", ["told"]],
            [2, "untold", ["\ufffd\ufffd"]],
            [3, "right", ["told"]],
            [4, "after", ["told"]],
        ],
    ]
