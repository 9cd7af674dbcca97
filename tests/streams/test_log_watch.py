"""A topic that is deleted and made again ends the workers that read it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from schemas.errors import Unavailable
from streams.log_watch import replaced_log
from streams.settings import Settings
from streams.topics import FEEDBACK, PREDICTION_REQUESTS, create_topics, log_ids
from tests.kafka import WAIT_S, until

pytestmark = [pytest.mark.real_broker, pytest.mark.contract("R10")]


def delete(admin: AdminClient, topic: str) -> None:
    for future in admin.delete_topics([topic]).values():
        future.result(WAIT_S)


async def test_a_log_made_anew_is_told_and_one_that_stays_is_not(bootstrap: str, unique: Callable[..., str]) -> None:
    settings = Settings.read(
        {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "TOPIC_PREFIX": f"{unique('logs')}-",
            "WEIR_MASTER_SECRET": "s" * 32,
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
            "REDIS_URL": "redis://127.0.0.1:9/0",
        }
    )
    topics = (PREDICTION_REQUESTS, FEEDBACK)
    create_topics(settings)
    before = log_ids(settings, topics)
    watch = asyncio.create_task(replaced_log(settings, topics, before, every_s=0.05))
    admin = AdminClient({"bootstrap.servers": bootstrap})
    delete(admin, settings.topic(FEEDBACK.name))

    def made_anew() -> Any:
        create_topics(settings)
        try:
            return log_ids(settings, topics) != before
        except Unavailable:
            return False

    await until(made_anew, "the topic made anew")
    with pytest.raises(Unavailable, match=f"made anew.*: {settings.topic(FEEDBACK.name)}$"):
        await asyncio.wait_for(watch, WAIT_S)
