"""The producer: a future for each call, resolved once all of its records are delivered, failed when one may not be."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable

import pytest

from schemas.errors import Unavailable
from schemas.message import Emission
from streams.producer import Producer
from tests.kafka import make_topic, read_all, until


@pytest.fixture
async def producer(bootstrap: str) -> AsyncIterator[Producer]:
    producer = Producer({"bootstrap.servers": bootstrap})
    await producer.start()
    yield producer
    await producer.stop()


async def test_delivered_records_have_key_value_headers_and_partition(
    producer: Producer, bootstrap: str, unique: Callable[..., str]
) -> None:
    topic = make_topic(bootstrap, unique("topic"))
    await producer.send([Emission(topic, b"k", b"v", (("h", b"1"),)), Emission(topic, None, b"w", (), 2)])
    messages = {message.value(): message for message in read_all(bootstrap, topic)}
    assert messages[b"v"].key() == b"k"
    assert messages[b"v"].headers() == [("h", b"1")]
    assert messages[b"w"].partition() == 2


async def test_sending_nothing_is_done_at_once(producer: Producer) -> None:
    assert producer.send([]).done()


async def test_a_record_that_is_too_large_fails_its_call(
    producer: Producer, bootstrap: str, unique: Callable[..., str]
) -> None:
    topic = make_topic(bootstrap, unique("topic"))
    with pytest.raises(Unavailable, match="too large"):
        await producer.send([Emission(topic, None, b"a"), Emission(topic, None, b"x" * 5 * 1024 * 1024)])


async def test_a_partition_that_does_not_exist_fails_its_call(
    producer: Producer, bootstrap: str, unique: Callable[..., str]
) -> None:
    topic = make_topic(bootstrap, unique("topic"))
    with pytest.raises(Unavailable, match="partition"):
        await producer.send([Emission(topic, None, b"a", (), 99)])


@pytest.fixture
async def narrow(bootstrap: str) -> AsyncIterator[Producer]:
    """A producer whose queue holds ten records."""
    producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 10})
    await producer.start()
    yield producer
    await producer.stop()


async def test_more_than_the_queue_holds_is_fed_in_order_as_the_broker_takes_it(
    narrow: Producer, bootstrap: str, unique: Callable[..., str]
) -> None:
    topic = make_topic(bootstrap, unique("topic"), partitions=1)
    await (await narrow.feed([Emission(topic, None, b"%d" % i) for i in range(200)]))
    assert [message.value() for message in read_all(bootstrap, topic)] == [b"%d" % i for i in range(200)]


async def test_more_than_the_queue_holds_fails_who_does_not_wait(
    narrow: Producer, bootstrap: str, unique: Callable[..., str]
) -> None:
    topic = make_topic(bootstrap, unique("topic"))
    with pytest.raises(Unavailable, match="queue is full"):
        await narrow.send([Emission(topic, None, b"x") for _ in range(200)])


async def test_feeding_ends_with_the_first_record_that_fails() -> None:
    options = {"delivery.timeout.ms": 300, "linger.ms": 0, "log_level": 0, "queue.buffering.max.messages": 10}
    away = Producer({"bootstrap.servers": "127.0.0.1:9", **options})
    await away.start()
    with pytest.raises(Unavailable):
        await (await asyncio.wait_for(away.feed([Emission("t", None, b"a")] * 2000), 10))
    await away.stop()


async def test_a_broker_that_is_away_fails_the_call_after_the_delivery_timeout() -> None:
    away = Producer({"bootstrap.servers": "127.0.0.1:9", "delivery.timeout.ms": 300, "linger.ms": 0, "log_level": 0})
    await away.start()
    with pytest.raises(Unavailable):
        await away.send([Emission("t", None, b"a")])
    await away.stop()


async def test_a_record_counts_as_delivered_once_every_replica_in_sync_has_it(
    bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Told by the library itself: one broker alone would confirm as soon with fewer."""
    caplog.set_level(logging.DEBUG, "weir.producer")
    producer = Producer({"bootstrap.servers": bootstrap, "debug": "conf"})
    await producer.start()
    await until(lambda: "request.required.acks" in caplog.text, "the configuration")
    await producer.stop()
    assert "request.required.acks = -1" in caplog.text
    assert "enable.idempotence = true" in caplog.text


async def test_the_broker_knows_its_records_apart_from_their_repetitions(
    bootstrap: str, unique: Callable[..., str]
) -> None:
    """An idempotent producer has an id from the broker, which drops what that id sends twice."""
    topic, ids = make_topic(bootstrap, unique("topic")), []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "statistics.interval.ms": 50,
            "stats_cb": lambda text: ids.append(json.loads(text).get("eos", {}).get("producer_id", -1)),
        }
    )
    await producer.start()
    await producer.send([Emission(topic, None, b"a")])
    await until(lambda: ids and ids[-1] >= 0, "an id")
    await producer.stop()


async def test_keys_go_to_the_partition_that_aiokafka_and_java_choose(
    producer: Producer, bootstrap: str, unique: Callable[..., str]
) -> None:
    from aiokafka import AIOKafkaProducer

    topic = make_topic(bootstrap, unique("topic"))
    keys = [f"entity-{i}".encode() for i in range(200)]
    await producer.send([Emission(topic, key, b"ours") for key in keys])
    other = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await other.start()
    try:
        for sent in [await other.send(topic, b"theirs", key) for key in keys]:
            await sent
    finally:
        await other.stop()
    places: dict[bytes, set[int]] = {}
    for message in read_all(bootstrap, topic):
        places.setdefault(message.key(), set()).add(message.partition())
    assert len(places) == 200
    assert all(len(partitions) == 1 for partitions in places.values())
