"""What a check of the topics says of settings that are not the declared ones."""

import logging
import os
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.kafka import client_options
from infra.local.process import wait_until
from schemas.dead_letter import dead_letter
from schemas.errors import BadSettings
from schemas.message import Record
from schemas.wire import MAX_RECORD_BYTES
from streams.producer import BATCH_BYTES, Producer
from streams.settings import Settings
from streams.topics import API_KEYS, DEAD_LETTERS, PREDICTION_REPLIES, PREDICTION_RESULTS, Topic, check_topics


@pytest.fixture
def settings(bootstrap: str, unique: Callable[[str], str]) -> Settings:
    return Settings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"{unique('topics')}-")


def make(settings: Settings, topic: Topic, config: dict[str, str]) -> str:
    name = settings.topic(topic.name)
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    [made] = admin.create_topics([NewTopic(name, 2, 1, config=config)]).values()
    made.result(30)
    assert wait_until(lambda: name in admin.list_topics(timeout=10).topics, 20)
    return name


@pytest.mark.real_broker
@pytest.mark.contract("R6")
@pytest.mark.parametrize("topic", [PREDICTION_RESULTS, PREDICTION_REPLIES], ids=lambda topic: topic.name)
def test_a_topic_that_does_not_take_every_result_is_refused(settings: Settings, topic: Topic) -> None:
    name = make(settings, topic, {"max.message.bytes": str(MAX_RECORD_BYTES - 1)})
    with pytest.raises(BadSettings, match=f"{name} has max.message.bytes={MAX_RECORD_BYTES - 1}: run `kafka-configs"):
        check_topics(settings, [topic])


@pytest.mark.real_broker
def test_a_dead_letter_topic_that_does_not_take_every_dead_letter_is_refused(settings: Settings) -> None:
    name = make(settings, DEAD_LETTERS, {"max.message.bytes": str(BATCH_BYTES - 1)})
    with pytest.raises(BadSettings, match=f"{name} has max.message.bytes={BATCH_BYTES - 1}: run `kafka-configs"):
        check_topics(settings, [DEAD_LETTERS])


@pytest.mark.real_broker
async def test_the_smallest_dead_letter_topic_that_passes_takes_the_largest_dead_letters(settings: Settings) -> None:
    name = make(settings, DEAD_LETTERS, {"max.message.bytes": str(BATCH_BYTES)})
    assert check_topics(settings, [DEAD_LETTERS]) == {name: 2}
    kept = ("request-id", "key-id", "deadline-ms", "traceparent", "schema-version")
    headers = [(header, b"\x01" * 10_000) for header in kept]
    record = Record(
        "t" * 249, 0, 2**62, 2**62, os.urandom(MAX_RECORD_BYTES // 2), os.urandom(MAX_RECORD_BYTES), headers
    )
    producer = Producer(client_options(settings))
    await producer.start()
    try:
        await producer.send([dead_letter(name, record, "too_large", "\x01" * 10_000)] * 20)
    finally:
        await producer.stop()


@pytest.mark.real_broker
def test_keys_on_several_partitions_are_refused_as_their_order_counts(settings: Settings) -> None:
    name = make(settings, API_KEYS, {"cleanup.policy": "compact"})
    with pytest.raises(
        BadSettings, match=f"{name} has 2 partitions: it must have one, as the order of all its records"
    ):
        check_topics(settings, [API_KEYS])


@pytest.mark.real_broker
@pytest.mark.parametrize(
    ("topic", "most_bytes", "warned"),
    [
        (DEAD_LETTERS, MAX_RECORD_BYTES - 1, True),
        (DEAD_LETTERS, MAX_RECORD_BYTES, False),
        (PREDICTION_RESULTS, MAX_RECORD_BYTES, False),
        (PREDICTION_RESULTS, 2 * MAX_RECORD_BYTES, False),
    ],
)
def test_another_topic_that_takes_smaller_records_than_declared_is_warned_of(
    settings: Settings, caplog: pytest.LogCaptureFixture, topic: Topic, most_bytes: int, warned: bool
) -> None:
    name = make(settings, topic, {"max.message.bytes": str(most_bytes)})
    with caplog.at_level(logging.WARNING):
        assert check_topics(settings, [topic]) == {name: 2}
    said = f"{name} has max.message.bytes={most_bytes}: run"
    assert [record.getMessage().startswith(said) for record in caplog.records] == ([True] if warned else [])
