"""A label that is larger than any record may be."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, Message, Producer

from schemas.errors import Unavailable
from schemas.message import Emission
from streams.producer import Producer as OurProducer
from streams.settings import Settings
from streams.topics import create_topics

pytestmark = [pytest.mark.real_broker, pytest.mark.contract("F1")]
VALUE = b'{"request_id":"r-1","label":1,"source":"' + b"x" * 10_000_000 + b'"}'


@pytest.fixture
def settings(bootstrap: str, unique: Callable[[str], str]) -> Settings:
    settings = Settings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"{unique('large')}-")
    create_topics(settings)
    return settings


def test_the_broker_takes_no_label_of_ten_megabytes(settings: Settings) -> None:
    """As another client sends it, which does not hold it back itself."""
    ended: list[KafkaError | None] = []

    def told(error: KafkaError | None, _: Message) -> None:
        ended.append(error)

    options = {"bootstrap.servers": settings.kafka_bootstrap_servers, "message.max.bytes": 2 * len(VALUE)}
    producer = Producer({**options, "compression.type": "none"})
    producer.produce(settings.topic("feedback"), VALUE, b"r-1", on_delivery=told)
    assert producer.flush(60) == 0
    [error] = ended
    assert error is not None
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE


async def test_our_own_producer_does_not_even_try(settings: Settings) -> None:
    producer = OurProducer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    await producer.start()
    try:
        with pytest.raises(Unavailable, match="was not queued"):
            await producer.send([Emission(settings.topic("feedback"), b"r-1", VALUE, ())])
    finally:
        await producer.stop()
