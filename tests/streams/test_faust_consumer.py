"""Each overridden hook of Faust's consumer does what it is overridden for, and still is where it was overridden."""

import asyncio
import inspect
import threading
from collections import namedtuple
from collections.abc import Callable, Sequence
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as KafkaConsumer
from faust.types import TP

from infra.kafka import LONG_POLL_MS
from schemas.message import Batch
from streams.faust_consumer import BatchApp, BatchConsumer, LoopFetcher
from streams.faust_host import FaustHost, make_app
from streams.settings import Settings

Raw = namedtuple(
    "Raw",
    "topic partition offset timestamp timestamp_type key value headers checksum serialized_key_size "
    "serialized_value_size",
)


class Reader:
    """Stands for the aiokafka consumer that Faust starts and stops."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[str] = []
        self._error = error

    async def start(self) -> None:
        self.calls.append("start")
        if self._error is not None:
            raise self._error

    async def stop(self) -> None:
        self.calls.append("stop")

    async def double(self, number: int) -> int:
        self.calls.append("double")
        return 2 * number


def raws(topic: str, partition: int, offsets: Sequence[int]) -> list[Raw]:
    return [Raw(topic, partition, o, 1000 + o, 0, b"k", b"%d" % o, (), None, 1, 1) for o in offsets]


@pytest.fixture
async def app(tmp_path) -> BatchApp:
    app = make_app(Settings(data_dir=str(tmp_path)), "group")
    app.topics._acking_topics.update({"a", "b"})
    return app


@pytest.fixture
async def consumer(app: BatchApp) -> BatchConsumer:
    """A consumer that is not connected: what the broker would answer is put in its place."""
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)
    consumer._thread = SimpleNamespace(  # type: ignore[assignment]
        highwater=lambda tp: 1000, topic_partitions=lambda topic: 4, assignment=lambda: {TP("a", 0), TP("a", 1)}
    )
    return consumer


async def poll(consumer: BatchConsumer, records: dict[TP, list[Raw]], active: set[TP] | None = None) -> list[Any]:
    async def fetched(timeout: float) -> tuple[dict[TP, list[Raw]], set[TP]]:
        return records, set(records) if active is None else active

    consumer._wait_next_records = fetched  # type: ignore[assignment, method-assign]
    return [message async for _, message in consumer.getmany(1.0)]


def test_the_pinned_versions_are_installed() -> None:
    installed = {name: version(name) for name in ("faust-streaming", "mode-streaming", "aiokafka")}
    assert installed == {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}


@pytest.mark.parametrize(
    ("hook", "parameters"),
    [
        ("getmany", ["self", "timeout"]),
        ("ack", ["self", "message"]),
        ("_new_offset", ["self", "tp"]),
        ("_add_gap", ["self", "tp", "offset_from", "offset_to"]),
        ("on_buffer_full", ["self", "tp"]),
        ("on_buffer_drop", ["self", "tp"]),
        ("on_partitions_revoked", ["self", "revoked"]),
        ("wait_empty", ["self"]),
        ("_new_consumer_thread", ["self"]),
    ],
)
def test_faust_still_has_the_hook(hook: str, parameters: list[str]) -> None:
    theirs = inspect.unwrap(getattr(KafkaConsumer, hook))
    assert list(inspect.signature(theirs).parameters) == parameters
    assert getattr(BatchConsumer, hook) is not getattr(KafkaConsumer, hook)


async def test_whoever_looks_first_the_host_runs_on_its_own_loop(tmp_path) -> None:
    """The watchdog's thread looks once a second, also while the host has not started yet."""
    host = FaustHost(Settings(data_dir=str(tmp_path)), "group", [])
    assert (await asyncio.to_thread(host.progress)).position == 0
    fetcher: Any = host._consumer._thread
    assert fetcher.loop is fetcher.parent_loop is asyncio.get_running_loop()


@pytest.mark.parametrize(
    ("hook", "parameters"),
    [
        ("start", ["self"]),
        ("on_stop", ["self"]),
        ("call_thread", ["self", "fun", "args", "kwargs"]),
        ("_stopped_set", ["self"]),
        ("_stop_children", ["self"]),
        ("_stop_futures", ["self"]),
        ("_stop_exit_stacks", ["self"]),
        ("_create_consumer", ["self", "loop"]),
    ],
)
def test_fausts_thread_still_has_the_hook(hook: str, parameters: list[str]) -> None:
    theirs = inspect.unwrap(getattr(AIOKafkaConsumerThread, hook))
    assert list(inspect.signature(theirs).parameters) == parameters
    assert getattr(LoopFetcher, hook) is not getattr(AIOKafkaConsumerThread, hook)


async def test_reading_starts_and_ends_on_the_workers_loop_and_starts_no_thread(app: BatchApp) -> None:
    fetcher: Any = app.consumer._thread  # type: ignore[attr-defined]
    reader = Reader()
    fetcher._create_consumer = lambda loop: reader
    threads = threading.active_count()
    await fetcher.start()
    assert fetcher._thread is None
    assert threading.active_count() == threads
    assert await fetcher.call_thread(reader.double, 2) == 4
    assert await fetcher.call_thread(abs, -3) == 3
    await asyncio.gather(fetcher.stop(), fetcher.stop())
    assert reader.calls == ["start", "double", "stop"]


async def test_a_reader_that_cannot_start_is_an_error_of_whoever_starts_it(app: BatchApp) -> None:
    fetcher: Any = app.consumer._thread  # type: ignore[attr-defined]
    fetcher._create_consumer = lambda loop: Reader(ConnectionError("no broker"))
    with pytest.raises(ConnectionError, match="no broker"):
        await fetcher.start()


async def test_a_fetch_waits_no_longer_than_it_is_told(app: BatchApp) -> None:
    fetcher: Any = app.consumer._thread  # type: ignore[attr-defined]
    fetching = fetcher._create_consumer(fetcher.loop)
    assert fetching._fetch_max_wait_ms == LONG_POLL_MS
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)
    await fetching.stop()


async def test_the_broker_gathers_as_much_as_the_pipelines_want(app: BatchApp) -> None:
    fetcher: Any = app.consumer._thread  # type: ignore[attr-defined]
    app.fetch_min_bytes = 4096
    fetching = fetcher._create_consumer(fetcher.loop)
    assert fetching._fetch_min_bytes == 4096
    assert "fetch_min_bytes=self._fetch_min_bytes" in inspect.getsource(AIOKafkaConsumer.start)
    await fetching.stop()


async def test_a_poll_is_one_message_per_topic_with_the_records_of_all_its_partitions(consumer: BatchConsumer) -> None:
    records = {TP("a", 1): raws("a", 1, [7, 8]), TP("b", 0): raws("b", 0, [1]), TP("a", 0): raws("a", 0, [3])}
    messages = await poll(consumer, records)
    batches: list[Batch] = [message.value for message in messages]
    assert [batch.topic for batch in batches] == ["a", "b"]
    assert [(record.partition, record.offset) for record in batches[0].records] == [(0, 3), (1, 7), (1, 8)]
    assert batches[0].last_offsets() == {0: 3, 1: 8}
    assert batches[0].share == 0.5


async def test_partitions_that_are_not_active_are_left_out(consumer: BatchConsumer) -> None:
    records = {TP("a", 0): raws("a", 0, [3]), TP("a", 1): raws("a", 1, [7])}
    [message] = await poll(consumer, records, active={TP("a", 1)})
    assert message.value.last_offsets() == {1: 7}


async def test_what_was_fetched_before_a_rebalance_is_dropped(app: BatchApp, consumer: BatchConsumer) -> None:
    async def fetched(timeout: float) -> tuple[dict[TP, list[Raw]], set[TP]]:
        return {TP("a", 0): raws("a", 0, [3])}, {TP("a", 0)}

    consumer._wait_next_records = fetched  # type: ignore[assignment, method-assign]
    got = []
    async for _, message in consumer.getmany(1.0):
        got.append(message)
        app.consumer_generation_id += 1
    assert len(got) == 1
    records = {TP("a", 0): raws("a", 0, [3]), TP("b", 0): raws("b", 0, [1])}

    async def rebalanced(timeout: float) -> tuple[dict[TP, list[Raw]], set[TP]]:
        return records, set(records)

    consumer._wait_next_records = rebalanced  # type: ignore[assignment, method-assign]
    got = []
    async for _, message in consumer.getmany(1.0):
        got.append(message)
        app.consumer_generation_id += 1
    assert [message.topic for message in got] == ["a"]


async def test_a_stopped_flow_delivers_nothing_and_seeks_back(consumer: BatchConsumer) -> None:
    sought = []

    async def seek() -> None:
        sought.append(True)

    consumer.perform_seek = seek  # type: ignore[method-assign]
    consumer.flow_active = False
    assert await poll(consumer, {TP("a", 0): raws("a", 0, [3])}) == []
    assert sought == [True]


async def test_a_failing_seek_is_left_to_the_rebalance(consumer: BatchConsumer) -> None:
    async def seek() -> None:
        raise ConnectionError

    consumer.perform_seek = seek  # type: ignore[method-assign]
    consumer.flow_active = False
    assert await poll(consumer, {TP("a", 0): raws("a", 0, [3])}) == []


async def taken(consumer: BatchConsumer, records: dict[TP, list[Raw]]) -> list[Any]:
    """What a poll gives, marked as a stream marks what it hands on."""
    messages = await poll(consumer, records)
    for message in messages:
        message.tracked = True
        consumer.track_message(message)
    return messages


async def test_an_ack_holds_for_every_partition_of_the_batch_and_once(consumer: BatchConsumer) -> None:
    records = {TP("a", 0): raws("a", 0, [3]), TP("a", 1): raws("a", 1, [7, 8])}
    [message] = await taken(consumer, records)
    assert consumer.ack(message)
    assert not consumer.ack(message)
    assert not consumer.unacked
    assert consumer._new_offset(TP("a", 0)) == 4
    assert consumer._new_offset(TP("a", 1)) == 9
    assert consumer._new_offset(TP("a", 1)) is None


async def test_what_the_stream_skipped_is_not_acked(consumer: BatchConsumer) -> None:
    [message] = await poll(consumer, {TP("a", 0): raws("a", 0, [3])})
    assert not consumer.ack(message)
    assert consumer._new_offset(TP("a", 0)) is None


async def test_the_highest_acked_offset_counts_whatever_gaps_lie_below(consumer: BatchConsumer) -> None:
    for offsets in ([3, 4], [90]):
        [message] = await taken(consumer, {TP("a", 0): raws("a", 0, offsets)})
        consumer.ack(message)
    await consumer._add_gap(TP("a", 0), 5, 89)
    assert not consumer._gap[TP("a", 0)]
    assert consumer._new_offset(TP("a", 0)) == 91


async def test_an_ack_out_of_order_crashes(consumer: BatchConsumer) -> None:
    [first] = await taken(consumer, {TP("a", 0): raws("a", 0, [3])})
    [second] = await taken(consumer, {TP("a", 0): raws("a", 0, [4])})
    consumer.ack(second)
    with pytest.raises(AssertionError, match="out of order"):
        consumer.ack(first)


async def test_an_ack_wakes_who_waits_for_it(consumer: BatchConsumer) -> None:
    [message] = await taken(consumer, {TP("a", 0): raws("a", 0, [3])})
    waiting = asyncio.create_task(consumer._wait_for_ack(timeout=1))
    await asyncio.sleep(0)
    consumer.ack(message)
    await asyncio.wait_for(waiting, 0.5)


async def test_a_message_handed_back_holds_up_no_rebalance(consumer: BatchConsumer) -> None:
    [message] = await taken(consumer, {TP("a", 0): raws("a", 0, [3])})
    consumer.hand_back(message)
    assert not consumer.unacked
    assert consumer._new_offset(TP("a", 0)) is None


async def test_a_full_buffer_pauses_no_partition(consumer: BatchConsumer) -> None:
    consumer._set_active_tps({TP("a", 0)})
    consumer.on_buffer_full(TP("a", 0))
    consumer.on_buffer_drop(TP("a", 0))
    assert consumer._get_active_partitions() == {TP("a", 0)}
    assert not consumer._buffered_partitions


async def test_what_is_acked_is_committed_before_faust_forgets_it(consumer: BatchConsumer) -> None:
    [message] = await taken(consumer, {TP("a", 0): raws("a", 0, [3])})
    consumer.ack(message)
    committed: list[dict[TP, int]] = []

    async def commit_offsets(offsets: dict[TP, int], start_new_transaction: bool = True) -> bool:
        committed.append(dict(offsets))
        return True

    async def revoked(tps: set[TP]) -> None:
        committed.append({})

    consumer._commit_offsets = commit_offsets  # type: ignore[assignment, method-assign]
    consumer._on_partitions_revoked = revoked  # type: ignore[assignment]
    await consumer.on_partitions_revoked({TP("a", 0)})
    assert committed == [{TP("a", 0): 4}, {}]


def commits_slowly(consumer: BatchConsumer, during: Callable[[], object]) -> list[dict[TP, int]]:
    """The commits to come, each kept; the first takes as long as `during` does."""
    committed: list[dict[TP, int]] = []

    async def commit_offsets(offsets: dict[TP, int], start_new_transaction: bool = True) -> bool:
        committed.append(dict(offsets))
        await asyncio.sleep(0)
        if len(committed) == 1:
            during()
        return True

    consumer._commit_offsets = commit_offsets  # type: ignore[assignment, method-assign]
    return committed


async def test_what_is_acked_during_the_commit_before_a_rebalance_is_committed_too(consumer: BatchConsumer) -> None:
    [first] = await taken(consumer, {TP("a", 0): raws("a", 0, [3])})
    [second] = await taken(consumer, {TP("a", 0): raws("a", 0, [4])})
    consumer.ack(first)
    committed = commits_slowly(consumer, lambda: consumer.ack(second))

    async def revoked(tps: set[TP]) -> None:
        assert not consumer._acked[TP("a", 0)]

    consumer._on_partitions_revoked = revoked  # type: ignore[assignment]
    await consumer.on_partitions_revoked({TP("a", 0)})
    assert committed == [{TP("a", 0): 4}, {TP("a", 0): 5}]
    assert not consumer.flow_active


async def test_waiting_for_the_last_ack_commits_it_though_another_commit_is_under_way(consumer: BatchConsumer) -> None:
    [first] = await taken(consumer, {TP("a", 0): raws("a", 0, [3])})
    [second] = await taken(consumer, {TP("a", 0): raws("a", 0, [4])})
    consumer.ack(first)
    committed = commits_slowly(consumer, lambda: consumer.ack(second))
    periodic = asyncio.create_task(consumer.commit())
    await asyncio.sleep(0)
    await consumer.wait_empty()
    await periodic
    assert committed == [{TP("a", 0): 4}, {TP("a", 0): 5}]


async def test_the_settings_that_the_host_relies_on_are_in_force(app: BatchApp) -> None:
    conf = app.conf
    assert conf.stream_wait_empty
    assert conf.processing_guarantee.value == "at_least_once"
    assert not conf.topic_allow_declare
    assert not conf.web_enabled
    assert conf.consumer_auto_offset_reset == "earliest"
    assert conf.consumer_max_fetch_size >= 2 * 4 * 1024 * 1024
