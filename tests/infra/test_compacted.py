"""A compacted topic read whole."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.compacted import read_records
from infra.kafka import publish
from schemas.errors import Unavailable


def read(options: dict[str, Any], topic: str, timeout_s: float = 30) -> list[tuple[bytes, bytes | None]]:
    records: list[tuple[bytes, bytes | None]] = []
    read_records(options, topic, lambda key, value: records.append((key, value)), timeout_s)
    return records


def test_an_empty_topic_reads_as_nothing(options: dict[str, Any], topic: str) -> None:
    assert read(options, topic) == []


def test_every_record_is_handed_over_those_of_a_key_in_order(options: dict[str, Any], topic: str) -> None:
    sent = [(b"%d" % (n % 20), b"value %d" % n) for n in range(60)]
    publish(options, topic, [(key, value, ()) for key, value in sent])
    records = read(options, topic)
    assert sorted(records) == sorted(sent)
    for n in range(20):
        assert [value for key, value in records if key == b"%d" % n] == [b"value %d" % (n + 20 * m) for m in range(3)]


def test_a_record_without_a_value_has_none(options: dict[str, Any], topic: str) -> None:
    publish(options, topic, [(b"a", b"1", ()), (b"a", None, ()), (b"empty", b"", ())])
    records = read(options, topic)
    assert [value for key, value in records if key == b"a"] == [b"1", None]
    assert (b"empty", b"") in records


@pytest.mark.real_broker
def test_a_missing_topic_is_named_with_the_command_that_makes_it(
    options: dict[str, Any], unique: Callable[..., str]
) -> None:
    missing = unique("missing")
    with pytest.raises(Unavailable, match=rf"{missing}.*weir topics create") as caught:
        read(options, missing, 5)
    assert caught.value.dependency == "kafka"


def test_reading_without_a_broker_ends_in_time_and_names_the_topic() -> None:
    with pytest.raises(Unavailable, match=r"topic api-keys .*KAFKA_BOOTSTRAP_SERVERS"):
        read({"bootstrap.servers": "127.0.0.1:1"}, "api-keys", 0.3)
