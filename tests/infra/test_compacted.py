"""A compacted topic read whole."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.compacted import read_compacted
from infra.kafka import client_options, publish
from schemas.errors import Unavailable
from streams.settings import Settings
from tests.kafka import make_topic


@pytest.fixture
def options(bootstrap: str) -> dict[str, Any]:
    return client_options(Settings(kafka_bootstrap_servers=bootstrap))


@pytest.fixture
def topic(bootstrap: str, unique: Callable[..., str]) -> str:
    return make_topic(bootstrap, unique("compacted"), 3)


def test_an_empty_topic_reads_as_nothing(options: dict[str, Any], topic: str) -> None:
    assert read_compacted(options, topic) == {}


def test_the_last_value_of_each_key_counts(options: dict[str, Any], topic: str) -> None:
    publish(options, topic, [(b"%d" % (n % 20), b"value %d" % n, ()) for n in range(60)])
    assert read_compacted(options, topic) == {b"%d" % n: b"value %d" % (n + 40) for n in range(20)}


def test_a_record_without_a_value_removes_its_key(options: dict[str, Any], topic: str) -> None:
    publish(options, topic, [(b"a", b"1", ()), (b"b", b"2", ()), (b"a", None, ()), (b"empty", b"", ())])
    assert read_compacted(options, topic) == {b"b": b"2", b"empty": b""}


@pytest.mark.real_broker
def test_a_missing_topic_is_named_with_the_command_that_makes_it(
    options: dict[str, Any], unique: Callable[..., str]
) -> None:
    missing = unique("missing")
    with pytest.raises(Unavailable, match=rf"{missing}.*weir topics create") as caught:
        read_compacted(options, missing, 5)
    assert caught.value.dependency == "kafka"


def test_reading_without_a_broker_ends_in_time_and_names_the_topic() -> None:
    with pytest.raises(Unavailable, match=r"topic api-keys .*KAFKA_BOOTSTRAP_SERVERS"):
        read_compacted({"bootstrap.servers": "127.0.0.1:1"}, "api-keys", 0.3)
