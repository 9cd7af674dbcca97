"""The largest result goes through the producer into the topics as they are declared."""

from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from models.bundle import Bundle, read_bundle
from schemas import headers as h
from schemas.message import Emission
from schemas.request import MAX_ROWS
from schemas.result import MAX_RESULT_BYTES
from streams import topology
from streams.producer import Producer
from streams.settings import Settings
from streams.topics import create_topics
from tests.agents.largest import asking_for_most, largest_request
from tests.agents.scorer import FakeCounters, FakeKeys, FakeLimiter, batch, clock, credential, record
from tests.models.conftest import published  # noqa: F401
from tests.models.routing.plans import champions

pytestmark = [pytest.mark.real_broker, pytest.mark.contract("R6")]


@pytest.fixture(scope="module")
def bundle(published: dict[str, Mapping[str, bytes]]) -> Bundle:  # noqa: F811
    return asking_for_most(read_bundle(published["logistic_regression"]))


@pytest.fixture
def settings(bootstrap: str, unique: Callable[[str], str]) -> Settings:
    settings = Settings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"{unique('largest')}-")
    create_topics(settings)
    return settings


@pytest.fixture
async def producer(bootstrap: str) -> AsyncIterator[Producer]:
    """Nothing compressed: what the broker measures is what the record has."""
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": "none"})
    await producer.start()
    yield producer
    await producer.stop()


async def test_the_result_of_the_largest_request_lies_on_the_topics_of_results_and_replies(
    bundle: Bundle, settings: Settings, producer: Producer
) -> None:
    stage = topology.scorer(
        settings,
        keys=FakeKeys([credential(burst=MAX_ROWS)]),
        limiter=FakeLimiter(),
        router=champions({"churn": bundle}),
        clock=clock,
        counters=FakeCounters(),
        replies=12,
    )[0].stage
    headers = {h.REPLY_PARTITION: b"3", h.REPLY_INSTANCE: b"i", h.TRACEPARENT: b"t" * 15_000}
    emissions = await stage(batch(record(largest_request(), headers=headers)))
    assert [emission.topic for emission in emissions] == [
        settings.topic(name) for name in ("prediction-results", "prediction-replies")
    ]
    await (await producer.feed(emissions))


async def test_the_limit_on_results_leaves_room_for_key_and_headers(settings: Settings, producer: Producer) -> None:
    topic = settings.topic("prediction-results")
    headers = [(h.TRACEPARENT, b"t" * h.MAX_HEADER_BYTES), (h.RATE_LIMIT, b"r" * 200)]
    await producer.send([Emission(topic, b"k" * 1024, b"x" * MAX_RESULT_BYTES, headers)])
