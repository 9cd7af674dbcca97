"""What lies on a topic between two moments."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from infra.window import SKEW_MS, Window, window
from schemas.errors import Unavailable

HOUR_MS = 3_600_000
NOON_MS = time.time_ns() // 1_000_000 - 10 * HOUR_MS
"""A noon of this test's own: brokers refuse what lies ahead, and drop what is old."""
LATER_MS = NOON_MS + 9 * HOUR_MS


def put(options: dict[str, Any], topic: str, records: Sequence[tuple[int, float, bytes]]) -> None:
    """Records as (partition, hour, value)."""
    producer, failures = Producer(options), list[Any]()
    for partition, hour, value in records:
        producer.produce(
            topic,
            value,
            partition=partition,
            timestamp=int(NOON_MS + hour * HOUR_MS),
            on_delivery=lambda error, _: failures.append(error),
        )
    assert producer.flush(30) == 0
    assert set(failures) == {None}


@dataclass(frozen=True)
class Kept:
    """A record as the client hands it over."""

    number: int

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.number

    def error(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, NOON_MS

    def value(self) -> bytes:
        return b"%d" % self.number


class FakeConsumer:
    """Hands records over, and then nothing; what it was told does not stop it."""

    def __init__(self, *offsets: int) -> None:
        self.records = [Kept(offset) for offset in offsets]
        self.let_go = list[Any]()

    def assign(self, partitions: Any) -> None:
        pass

    def incremental_unassign(self, partitions: Any) -> None:
        self.let_go += partitions

    def poll(self, timeout: float) -> Kept | None:
        return self.records.pop(0) if self.records else None


def of(consumer: Any, first: int, end: int) -> Window:
    return Window(consumer, "t", (NOON_MS, NOON_MS + 1), {0: (first, end)}, patience_s=0)


@pytest.mark.parametrize("offsets", [(3, 4, 5, 6), (3, 4, 7, 8)])
def test_a_partition_ends_where_it_did_when_asked_though_its_last_record_be_gone(offsets: tuple[int, ...]) -> None:
    consumer = FakeConsumer(*offsets)
    assert list(of(consumer, 3, 6).values()) == [b"%d" % offset for offset in offsets if offset < 6]
    assert len(consumer.let_go) == 1


def test_silence_ends_in_time_and_names_the_topic() -> None:
    with pytest.raises(Unavailable, match=r"no record of topic t .*weir status"):
        list(of(FakeConsumer(3), 3, 6).values())


HOURLY = [(partition, hour, b"%d at %d" % (partition, hour)) for partition in range(3) for hour in range(5)]


@pytest.fixture
def hourly(options: dict[str, Any], topic: str) -> str:
    """A topic with one record for each hour from noon to four on three partitions, and none on the fourth."""
    put(options, topic, HOURLY)
    return topic


@pytest.mark.real_broker
@pytest.mark.parametrize("knows_times", [True, False])
@pytest.mark.parametrize(
    ("first", "end", "hours"),
    [(1, 3, [1, 2]), (-9, 0, []), (-9, 1, [0]), (4, 9, [4]), (5, 9, []), (0.5, 1.5, [1])],
)
def test_records_are_those_from_one_moment_until_before_another(
    options: dict[str, Any], hourly: str, knows_times: bool, first: float, end: float, hours: list[int]
) -> None:
    times = int(NOON_MS + first * HOUR_MS), int(NOON_MS + end * HOUR_MS)
    with window(options, hourly, *times, knows_times=knows_times) as found:
        values = list(found.values())
        read = [hour for _, hour, _ in HOURLY if first <= hour < end + SKEW_MS / HOUR_MS]
        assert found.read == found.records == (len(read) if knows_times else len(HOURLY))
    assert sorted(values) == sorted(value for _, hour, value in HOURLY if hour in hours)


@pytest.mark.real_broker
def test_what_a_writer_with_a_fast_clock_wrote_ends_no_window(options: dict[str, Any], topic: str) -> None:
    minutes = (0, 2, 5, 3, 59)
    put(options, topic, [(0, minute / 60, b"%d" % minute) for minute in minutes])
    with window(options, topic, NOON_MS, NOON_MS + 4 * 60_000) as found:
        assert list(found.values()) == [b"0", b"2", b"3"]


@pytest.mark.real_broker
def test_the_topic_tells_what_it_keeps_before_and_after_it_was_read(options: dict[str, Any], hourly: str) -> None:
    with window(options, hourly, LATER_MS, LATER_MS + 1) as found:
        assert list(found.values()) == []
        assert found.kept_times() == (NOON_MS, NOON_MS + 4 * HOUR_MS)
    with window(options, hourly, 0, LATER_MS) as found:
        assert len(list(found.values())) == len(HOURLY)
        assert found.kept_times() == (NOON_MS, NOON_MS + 4 * HOUR_MS)


def test_an_empty_topic_keeps_nothing(options: dict[str, Any], topic: str) -> None:
    with window(options, topic, 0, LATER_MS) as found:
        assert (list(found.values()), found.records, found.kept_times()) == ([], 0, None)


@pytest.mark.real_broker
def test_records_that_come_while_it_is_read_are_not_waited_for(options: dict[str, Any], hourly: str) -> None:
    with window(options, hourly, 0, LATER_MS) as found:
        values = found.values()
        next(values)
        put(options, hourly, [(0, 5, b"late")])
        assert b"late" not in list(values)


@pytest.mark.real_broker
def test_nobody_notices_the_reader(options: dict[str, Any], hourly: str, bootstrap: str) -> None:
    groups = AdminClient({"bootstrap.servers": bootstrap})
    with window(options, hourly, 0, LATER_MS) as found:
        assert list(found.values())
        listed = [group.group_id for group in groups.list_consumer_groups().result(30).valid]
    assert [group for group in listed if group.startswith("weir-read")] == []


@pytest.mark.real_broker
def test_a_missing_topic_is_named(options: dict[str, Any], unique: Callable[..., str]) -> None:
    missing = unique("missing")
    with pytest.raises(Unavailable, match=rf"{missing}.*weir topics create"), window(options, missing, 0, LATER_MS):
        pass
