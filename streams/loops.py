"""The loop of every stage, written once: batches processed one after the other, delivered side by side, acked in
order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from schemas.errors import Unavailable
from schemas.message import Batch, Emission, Record
from streams.in_flight import Sent, Slots
from streams.ports import Attempts, Observer, Sender
from streams.tasks import unless

log = logging.getLogger("weir.loops")

Stage = Callable[[Batch], Awaitable[Sequence[Emission]]]
LONGEST_BACKOFF_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """in_flight: most records awaiting delivery. batch_timeout_s: a stage's time for one batch, in seconds.
    max_attempts: times a record may crash the worker before it is given up. backoff_s: the first wait for a dependency
    that is down, in seconds; each is twice the last. singly: the stage gets one record at a time, once all of the one
    before is delivered. fetch_bytes: how much the broker gathers before it hands it over, for at most LONG_POLL_MS."""

    in_flight: int = 8000
    batch_timeout_s: float = 30.0
    max_attempts: int = 3
    backoff_s: float = 0.1
    singly: bool = False
    fetch_bytes: int = 1


@dataclass
class Pipeline:
    """One topic's stage with its deliveries.

    give_up: the emissions in place of a record that keeps crashing.
    """

    topic: str
    stage: Stage
    sender: Sender
    attempts: Attempts
    give_up: Callable[[Record, int], Sequence[Emission]]
    observer: Observer
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self._in_flight: asyncio.Queue[Sent] = asyncio.Queue()
        self._next: Sent | None = None
        self._slots = Slots(self.limits.in_flight)
        self.unfinished = 0
        self.acked = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.waiting_for: str | None = None

    async def process(
        self, batch: Batch, ack: Callable[[], object], interrupted: Callable[[], bool] = lambda: False
    ) -> bool:
        """Run the stage and queue the deliveries; `ack` is called once all are delivered, after earlier batches'.

        interrupted: whether the host wants the batch back (it stops, or a rebalance), asked before the first try and
        from the second one on. False where it was handed back: no later one of its partitions may then be processed.
        """
        await self._take_slots(len(batch.records))
        try:
            delivery: asyncio.Future[None] | None = None
            for part in self._parts(batch):
                if delivery is not None:
                    await delivery
                    self.acked += 1  # it has moved: a long batch is no standstill
                if (delivery := await self._emit(part, interrupted)) is None:
                    self._release(len(batch.records))
                    return False
            assert delivery is not None, "there is one part at least"
            self._in_flight.put_nowait(Sent(delivery, ack, len(batch.records)))
        except BaseException:
            self._release(len(batch.records))
            raise
        return True

    async def ack_in_order(self) -> None:
        """Runs beside the loop; ends by raising when a delivery failed, and then nothing after it is acked."""
        while True:
            sent = self._next = self._next or await self._in_flight.get()
            # A host that stops cancels this and starts it again: the delivery waited for must outlive that.
            await asyncio.shield(sent.delivery)
            self._next = None
            sent.ack()
            self.acked += 1
            self._release(sent.records)

    async def idle(self) -> None:
        """Returns when nothing is being processed or delivered."""
        await self._idle.wait()

    async def _take_slots(self, records: int) -> None:
        self.unfinished += 1
        self._idle.clear()
        try:
            await self._slots.take(records)
        except BaseException:
            self._finish_one()
            raise

    def _release(self, records: int) -> None:
        self._slots.give_back(records)
        self._finish_one()

    def _finish_one(self) -> None:
        self.unfinished -= 1
        if self.unfinished == 0:
            self._idle.set()

    def _parts(self, batch: Batch) -> Sequence[Batch]:
        """What the stage is asked at once."""
        if not self.limits.singly or not batch.records:
            return [batch]
        return [replace(batch, records=[record]) for record in batch.records]

    async def _emit(self, batch: Batch, interrupted: Callable[[], bool]) -> asyncio.Future[None] | None:
        """The delivery of what the stage makes of the batch; None where the host wants it back."""
        started = monotonic()
        emissions = None if interrupted() else await self._run(batch, interrupted)
        if emissions is None:
            return None
        self.observer.batch(self.topic, len(batch.records), monotonic() - started)
        return await self._send(emissions)

    async def _send(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        started = monotonic()
        delivery = await self.sender.feed(emissions)
        delivery.add_done_callback(lambda _: self.observer.delivery(self.topic, monotonic() - started))
        return delivery

    async def _run(self, batch: Batch, interrupted: Callable[[], bool]) -> Sequence[Emission] | None:
        """The stage's emissions; waits while a dependency is down, isolates the record that crashes."""
        try:
            return await self._attempt(batch)
        except Unavailable as error:
            self._wait_for(error)
        try:
            return await unless(interrupted, self._in_parts(batch))
        finally:
            self.waiting_for = None

    async def _in_parts(self, batch: Batch) -> Sequence[Emission]:
        """Try again, and ask less at once: what is too slow for the whole batch gets through it in parts."""
        emissions: list[Emission] = []
        rest, most, backoff = batch.records, max(1, len(batch.records) // 2), self.limits.backoff_s
        await asyncio.sleep(backoff)
        while rest:
            try:
                emissions += await self._attempt(replace(batch, records=rest[:most]))
            except Unavailable as error:
                self._wait_for(error)
                most, backoff = max(1, most // 2), min(backoff * 2, LONGEST_BACKOFF_S)
                await asyncio.sleep(backoff)
            else:
                rest, most, backoff = rest[most:], most * 2, self.limits.backoff_s
        return emissions

    def _wait_for(self, error: Unavailable) -> None:
        log.warning("%s waits: %s", self.topic, error)
        self.waiting_for = error.dependency
        self.observer.waiting(error.dependency)

    async def _attempt(self, batch: Batch) -> Sequence[Emission]:
        try:
            async with asyncio.timeout(self.limits.batch_timeout_s):
                return await self.stage(batch)
        except Unavailable:
            raise
        except Exception as error:
            if len(batch.records) > 1:
                log.exception("%s: a batch of %d failed, trying its records singly", self.topic, len(batch.records))
                return await self._singly(batch)
            return await self._count_crash(batch.records[0], error)

    async def _singly(self, batch: Batch) -> Sequence[Emission]:
        emissions: list[Emission] = []
        for record in batch.records:
            emissions += await self._attempt(replace(batch, records=[record]))
        return emissions

    async def _count_crash(self, record: Record, error: Exception) -> Sequence[Emission]:
        count = await self.attempts.add(record)
        where = f"{record.topic}[{record.partition}]@{record.offset}"
        if count < self.limits.max_attempts:
            log.error("%s crashed the worker, attempt %d of %d", where, count, self.limits.max_attempts)
            raise error
        log.error("%s crashed the worker %d times and is dead-lettered", where, count)
        return self.give_up(record, count)
