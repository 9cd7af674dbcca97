"""The reply reader on a real broker, and the lease on a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from statistics import median

import pytest
from confluent_kafka import Producer as Client
from redis.asyncio import Redis

from infra.kafka import aiokafka_options
from infra.local.stack import RunningStack
from schemas import headers as h
from schemas.errors import Unavailable
from schemas.message import Emission
from streams.gateway.lease import Lease
from streams.gateway.pending import Pending
from streams.gateway.replies import ReplyReader, hashed
from streams.producer import Producer
from streams.requests import ReplyTo
from streams.settings import Settings
from streams.topics import check_topics
from tests.streams.gateway.echo import eventually, topics_on


@pytest.fixture(scope="module")
def settings(stack: RunningStack) -> Settings:
    return topics_on(stack, "replies-test-")


def reader(settings: Settings, pending: Pending) -> ReplyReader:
    return ReplyReader(aiokafka_options(settings), settings.topic("prediction-replies"), pending)


@asynccontextmanager
async def reading(settings: Settings, pending: Pending) -> AsyncIterator[ReplyReader]:
    replies = reader(settings, pending)
    await replies.start()
    try:
        yield replies
    finally:
        await replies.stop()


async def reply(settings: Settings, *tos: ReplyTo, body: bytes = b"{}") -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    await producer.start()
    await producer.send([reply_to(settings, to, body) for to in tos])
    await producer.stop()


def reply_to(settings: Settings, to: ReplyTo, body: bytes = b"{}") -> Emission:
    topic = settings.topic("prediction-replies")
    return Emission(topic, None, body, [(h.REPLY_INSTANCE, to.token.encode())], to.partition)


async def test_a_reply_reaches_its_waiter_and_others_replies_do_not(settings: Settings) -> None:
    late: list[None] = []
    pending = Pending(10, lambda: late.append(None))
    async with reading(settings, pending) as replies:
        assert replies.why_not_ready() is None
        with replies.expect() as expected:
            someone_elses = ReplyTo(expected.to.partition, f"{'0' * 32}.1")
            await reply(settings, someone_elses, expected.to, body=b'{"n": 1}')
            assert (await asyncio.wait_for(expected.reply, 10)).body == b'{"n": 1}'
        assert late == []


async def test_on_the_wheel_broker_too_a_reply_is_read_soon() -> None:
    """That broker answers a waiting fetch at its end only, so each reply waits for all of one."""
    broker = Client({"test.mock.num.brokers": 1, "log_level": 0})
    [found] = broker.list_topics("prediction-replies", timeout=10).brokers.values()
    settings = Settings(kafka_bootstrap_servers=f"{found.host}:{found.port}")
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    await producer.start()
    took = []
    async with reading(settings, Pending(10)) as replies:
        for _ in range(5):
            with replies.expect() as expected:
                began = time.monotonic()
                await producer.send([reply_to(settings, expected.to)])
                await asyncio.wait_for(expected.reply, 10)
                took.append(time.monotonic() - began)
    await producer.stop()
    assert median(took) < 0.4


async def test_late_and_repeated_replies_pop_nothing_and_are_counted(settings: Settings) -> None:
    late: list[None] = []
    pending = Pending(10, lambda: late.append(None))
    async with reading(settings, pending) as replies:
        with replies.expect() as given_up:
            pass
        with replies.expect() as expected:
            await reply(settings, given_up.to, expected.to, expected.to)
            await asyncio.wait_for(expected.reply, 10)
            await eventually(lambda: len(late) == 2)


async def test_replies_from_before_the_start_are_not_read(settings: Settings) -> None:
    late: list[None] = []
    pending = Pending(10, lambda: late.append(None))
    topic = settings.topic("prediction-replies")
    partition = await hashed(pending.instance)(check_topics(settings)[topic])
    await reply(settings, ReplyTo(partition, f"{pending.instance}.7"))
    async with reading(settings, pending) as replies:
        with replies.expect() as expected:
            await reply(settings, expected.to)
            await asyncio.wait_for(expected.reply, 10)
        assert late == []


async def test_after_stopping_nothing_can_be_expected(settings: Settings) -> None:
    replies = reader(settings, Pending(10))
    with pytest.raises(Unavailable, match="not started"):
        replies.expect()
    await replies.start()
    await replies.stop()
    with pytest.raises(Unavailable, match="stopped"):
        replies.expect()


async def test_a_missing_topic_is_said(bootstrap: str, unique: Callable[..., str]) -> None:
    replies = ReplyReader(aiokafka_options(Settings(kafka_bootstrap_servers=bootstrap)), unique(), Pending(1))
    with pytest.raises(Unavailable, match="weir topics create"):
        await replies.start()


async def test_a_stalled_reader_is_reopened_where_it_stood(settings: Settings) -> None:
    """A consumer that polls nothing while replies lie there is replaced, and no reply is lost."""
    async with reading(settings, Pending(10)) as replies:
        stalled = replies._consumer
        assert stalled is not None
        assert replies._partition is not None
        stalled.pause(replies._partition)
        with replies.expect() as expected:
            await reply(settings, expected.to)
            await asyncio.wait_for(expected.reply, 20)
        assert replies._consumer is not stalled
        assert replies.why_not_ready() is None


async def test_a_reader_that_died_is_not_ready_and_tells_who_waits(settings: Settings) -> None:
    class Broken(Pending):
        def deliver(self, replies: object) -> None:
            raise ZeroDivisionError

    async with reading(settings, Broken(10)) as replies:
        with replies.expect() as expected:
            await reply(settings, expected.to)
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(replies.wait_closed(), 10)
        assert replies.why_not_ready() == "the reply reader has died"


async def test_two_instances_lease_two_partitions_and_give_them_back(redis: Redis, unique: Callable[..., str]) -> None:
    topic = unique()
    one, two, three = (Lease(redis, topic, instance) for instance in ("a", "b", "a"))
    assert {await one.choose(2), await two.choose(2)} == {0, 1}
    await one.release()
    assert await three.choose(2) in (0, 1)
    assert three._held is not None
    await two.release()
    await three.release()
    assert [key async for key in redis.scan_iter(f"weir:reply-lease:{topic}:*")] == []


async def test_with_every_partition_leased_or_redis_away_the_hash_decides(
    redis: Redis, unique: Callable[..., str]
) -> None:
    topic = unique()
    first, second = Lease(redis, topic, "a"), Lease(redis, topic, "b")
    assert (await first.choose(1), await second.choose(1)) == (0, 0)
    await first.release()
    away = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.5)
    assert await Lease(away, topic, "c").choose(12) == await hashed("c")(12)
    await away.aclose()


async def test_a_lease_is_kept_while_it_is_ours_and_retaken_when_redis_forgot_it(
    redis: Redis, unique: Callable[..., str]
) -> None:
    lease = Lease(redis, unique(), "a")
    partition = await lease.choose(4)
    await redis.delete(lease._name(partition))
    await lease._keep(partition)
    assert await redis.get(lease._name(partition)) == b"a"
    await redis.expire(lease._name(partition), 2)
    await lease._keep(partition)
    assert await redis.ttl(lease._name(partition)) > 2
    await lease.release()


class Polled:
    """A consumer whose every poll ends when the test says so."""

    def __init__(self) -> None:
        self.polls: list[asyncio.Future[dict[str, list[str]]]] = []

    def getmany(self, timeout_ms: int) -> "asyncio.Future[dict[str, list[str]]]":
        self.polls.append(asyncio.get_running_loop().create_future())
        return self.polls[-1]


async def test_a_stop_that_comes_along_with_replies_is_not_swallowed(settings: Settings) -> None:
    replies = reader(settings, Pending(10, lambda: None))
    polled = Polled()
    replies._consumer = polled
    following = asyncio.create_task(replies._follow())
    await eventually(lambda: len(polled.polls) == 1)
    polled.polls[0].set_result({})
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(following, 2)
