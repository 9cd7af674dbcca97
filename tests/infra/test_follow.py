"""A topic that is followed: from a moment, or from now on."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from infra.follow import coming, following
from infra.kafka import publish
from schemas.errors import Unavailable
from tests.kafka import make_topic, values

pytestmark = pytest.mark.real_broker


@pytest.fixture
def put(bootstrap: str, unique: Callable[..., str]) -> Callable[..., str]:
    """Puts values on a topic of this test's own, and names it."""
    topic = make_topic(bootstrap, unique("followed"), 2)

    def put(*given: bytes) -> str:
        publish({"bootstrap.servers": bootstrap}, topic, [(value, value, ()) for value in given])
        return topic

    return put


def heard(messages: Iterator[Message], count: int) -> list[bytes]:
    return sorted(values(list(islice(messages, count))))


def now_ms() -> int:
    """A moment between what was put before and after."""
    time.sleep(0.002)
    return int(time.time() * 1000)


@pytest.mark.parametrize("knows_times", [True, False])
def test_records_from_a_moment_on_come_first_and_then_those_that_are_put(
    bootstrap: str, put: Callable[..., str], knows_times: bool
) -> None:
    put(b"a", b"b")
    first_ms = now_ms()
    topic = put(b"c", b"d")
    with following({"bootstrap.servers": bootstrap}, topic, first_ms, knows_times=knows_times) as messages:
        assert heard(messages, 2) == [b"c", b"d"]
        put(b"e")
        assert heard(messages, 1) == [b"e"]


def test_from_now_on_what_lies_there_is_not_told(bootstrap: str, put: Callable[..., str]) -> None:
    topic = put(b"a", b"b", b"c")
    with following({"bootstrap.servers": bootstrap}, topic) as messages:
        put(b"d")
        assert heard(messages, 1) == [b"d"]


def test_from_the_beginning_all_is_told(bootstrap: str, put: Callable[..., str]) -> None:
    topic = put(b"a", b"b")
    with following({"bootstrap.servers": bootstrap}, topic, 0) as messages:
        assert heard(messages, 2) == [b"a", b"b"]


def test_a_topic_that_is_missing_is_said_to_be(bootstrap: str, unique: Callable[..., str]) -> None:
    with (
        pytest.raises(Unavailable, match="weir topics create"),
        following({"bootstrap.servers": bootstrap}, unique("no")),
    ):
        pass


class Lost:
    """A consumer whose broker is gone after so many looks at it."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def poll(self, timeout: float) -> None:
        return None

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition("t", 0)]

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        self.answers -= 1
        return 0, 7


def test_a_silence_that_is_no_calm_ends_the_following() -> None:
    consumer: Any = Lost(answers=3)
    with pytest.raises(KafkaException):
        next(coming(consumer, silence_s=0.0))
    assert consumer.answers == 0
