"""A scorer small enough for a test: checks each record's signature and replies with what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.admit import authenticate
from agents.ports import KeyRing
from infra.kafka import aiokafka_options, client_options
from infra.local.stack import RunningStack
from schemas import headers as h
from schemas.errors import Refused
from schemas.message import Emission, Record
from schemas.result import Status, result_body
from schemas.wire import decode, encode
from streams.contract.predicting import SCORED
from streams.producer import Producer
from streams.settings import Settings
from streams.topics import PREDICTION_REQUESTS, check_topics, create_topics

CARRIED = (h.REQUEST_ID, h.REPLY_INSTANCE, h.TRACEPARENT)

ANSWERED = {name: SCORED[name] for name in ("model", "model_version", "strategy", "arm", "route_epoch", "predictions")}


@dataclass
class Echo:
    """seen: every request. mute: take requests and answer none. copies: of each reply."""

    settings: Settings
    keys: KeyRing
    seen: list[Record] = field(default_factory=list)
    mute: bool = False
    copies: int = 1

    async def run(self, consumer: AIOKafkaConsumer, producer: Producer) -> None:
        while True:
            batches = await consumer.getmany(timeout_ms=200)
            records = [to_record(raw) for raws in batches.values() for raw in raws]
            self.seen.extend(records)
            replies = [self.reply(record) for record in records if h.REPLY_PARTITION in dict(record.headers)]
            if not self.mute:
                await producer.send(replies * self.copies)

    def reply(self, record: Record) -> Emission:
        headers = dict(record.headers)
        now = datetime.now(UTC)
        request = decode(record.value)
        digest = sha256(record.value or b"").hexdigest()
        try:
            authenticate(record, headers, digest, self.keys, now)
            status: Status = "ok"
            outcome: dict[str, Any] = {**ANSWERED, "echo": request, "risk_score": 50.0}
        except Refused as error:
            status = "unauthorized"
            outcome = {"error": {"code": "unauthorized", "message": str(error)}}
        body = result_body(
            outcome,
            request_id=headers[h.REQUEST_ID].decode(),
            entity=(record.key or b"").decode(),
            status=status,
            degraded=False,
            requested_ms=record.timestamp,
            scored_ms=int(now.timestamp() * 1000),
        )
        carried = [(name, headers[name]) for name in CARRIED if name in headers]
        rate = encode({"limit": 1000, "remaining": 99, "reset": 1, "retry_after": 0})
        topic = self.settings.topic("prediction-replies")
        partition = int(headers[h.REPLY_PARTITION])
        return Emission(topic, None, encode(body), [*carried, (h.RATE_LIMIT, rate)], partition)


def to_record(raw: Any) -> Record:
    return Record(raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, list(raw.headers))


@asynccontextmanager
async def echoing(settings: Settings, keys: KeyRing) -> AsyncIterator[Echo]:
    """An echo that runs meanwhile, reading new requests only; a crash of it fails the test."""
    topic = settings.topic(PREDICTION_REQUESTS.name)
    consumer = AIOKafkaConsumer(**aiokafka_options(settings), enable_auto_commit=False)
    producer = Producer(client_options(settings))
    await consumer.start()
    await producer.start()
    count = check_topics(settings, [PREDICTION_REQUESTS])[topic]
    partitions = [TopicPartition(topic, number) for number in range(count)]
    consumer.assign(partitions)
    await consumer.seek_to_end(*partitions)
    for partition in partitions:
        await consumer.position(partition)
    echo = Echo(settings, keys)
    running = asyncio.create_task(echo.run(consumer, producer))
    try:
        yield echo
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await consumer.stop()
        await producer.stop()


def topics_on(stack: RunningStack, prefix: str) -> Settings:
    """The settings of a platform of one's own on the running stack, its topics made."""
    settings = Settings.read(stack.environment).model_copy(update={"topic_prefix": prefix})
    create_topics(settings)
    return settings


async def eventually(condition: Any, within_s: float = 20) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.02)
