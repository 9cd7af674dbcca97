"""A command in the platform's name, from a process that serves nothing, and how it ended."""

import time

from infra.kafka import aiokafka_options, client_options
from schemas.control import Command, Outcome
from schemas.message import Emission
from streams.commands import outcome_of, platform_command
from streams.gateway.pending import Pending
from streams.gateway.replies import ReplyReader
from streams.producer import Producer
from streams.requests import ReplyTo
from streams.settings import Settings
from streams.topics import PREDICTION_REPLIES


async def give(settings: Settings, command: Command, timeout_s: float) -> Outcome:
    """Raises Unavailable where no outcome comes in time: the command may be carried out later."""
    replies = ReplyReader(aiokafka_options(settings), settings.topic(PREDICTION_REPLIES.name), Pending(1))
    producer = Producer(client_options(settings))

    def record(reply: ReplyTo) -> Emission:
        return platform_command(settings, command, now_ms=time.time_ns() // 1_000_000, reply=reply)

    await replies.start()
    await producer.start()
    try:
        return await outcome_of(producer, replies, record, timeout_s)
    finally:
        await producer.stop()
        await replies.stop()
