"""A worker process of the host tests: copies records from topic to topic, with the bug that it is told to have."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import orjson
import uvloop

from infra.rate_limit import connect
from schemas.errors import Unavailable
from schemas.message import Batch, Emission, Record
from streams.attempts import RedisAttempts
from streams.host import make_host
from streams.loops import Pipeline
from streams.ports import Sender
from streams.producer import Producer
from streams.settings import Settings
from streams.tasks import first_failure
from streams.watchdog import Awake, Watchdog
from streams.worker import SURE_OF_SESSION
from tests.fakes import FakeObserver

CRASHED, BLOCKING = 3, b"2000"
KEPT = 100


@dataclass
class Copier:
    """bug: `none`, `slow`, `poison` (record 150), `third-batch`, `outage` (three refusals), `lasting-outage` (from the
    third batch on), `too-large`, `slow-broker` (its producer's queue holds 50 records), `undelivered` (see there),
    `blocks` (the loop at record BLOCKING, past its session), `keeps` (no bug: reads again from the last multiple of
    KEPT)."""

    target: str
    bug: str
    session_s: float
    batches: int = 0

    async def stage(self, batch: Batch) -> list[Emission]:
        self.batches += 1
        if self.bug == "slow":
            await asyncio.sleep(0.05)
        if self.bug == "blocks" and any(record.value == BLOCKING for record in batch.records):
            print("blocks", flush=True)
            time.sleep(1.7 * self.session_s)
        if self.bug == "outage" and self.batches <= 3:
            raise Unavailable("postgres", "is being restarted")
        if self.bug == "lasting-outage" and self.batches > 2:
            raise Unavailable("postgres", "is away")
        if self.bug == "poison" and any(record.value == b"150" for record in batch.records):
            raise ZeroDivisionError("poison")
        if self.bug == "third-batch" and self.batches > 2:
            raise ZeroDivisionError("a bug")
        if self.bug == "too-large":
            return [Emission(self.target, None, b"x" * 5 * 1024 * 1024)]
        return self._copies(batch)

    def _copies(self, batch: Batch) -> list[Emission]:
        if self.bug == "keeps":
            batch.needed.update({partition: end // KEPT * KEPT for partition, end in batch.ends().items()})
        return [Emission(self.target, record.key, record.value or b"") for record in batch.records]

    def give_up(self, record: Record, attempts: int) -> Sequence[Emission]:
        return [Emission(self.target, record.key, b"given up after %d" % attempts)]


@dataclass
class Undelivered:
    """Sends two batches; later ones are under way until a rebalance has begun to wait for them, and fail then."""

    sender: Sender
    rebalancing: Callable[[], bool]
    batches: int = 0

    async def feed(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        self.batches += 1
        if self.batches <= 2:
            return await self.sender.feed(emissions)
        return asyncio.ensure_future(self._fail())

    async def _fail(self) -> None:
        while not self.rebalancing():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        raise Unavailable("kafka", "not delivered")


async def work(host: str, source: str, target: str, group: str, bug: str, settings: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    queue = {"queue.buffering.max.messages": 50} if bug == "slow-broker" else {}
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, **queue})
    await producer.start()
    redis = connect(settings.redis_url)
    attempts = RedisAttempts(redis, {source: source}, group)
    copier = Copier(target, bug, settings.session_timeout_s)
    pipeline = Pipeline(source, copier.stage, producer, attempts, copier.give_up, FakeObserver())
    running = make_host(settings.model_copy(update={"weir_host": host}), group, [pipeline])
    if bug == "undelivered":
        pipeline.sender = Undelivered(producer, lambda: running.progress().rebalancing)
    watchdog = Watchdog(running.progress, inf, frozen_after_s=SURE_OF_SESSION * settings.session_timeout_s)
    if bug == "blocks":
        pipeline.sender = Awake(producer, watchdog)
        watchdog.start()
    try:
        await first_failure(*map(asyncio.ensure_future, (running.run(stop), watchdog.beats())))
    finally:
        await producer.stop()
        await redis.aclose()


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(asctime)s %(name)s %(message)s")
    try:
        uvloop.run(work(**orjson.loads(sys.argv[1]), settings=Settings.read(os.environ)))
    except Exception as error:
        logging.exception("crashed")
        print(repr(error), flush=True)
        os._exit(CRASHED)
