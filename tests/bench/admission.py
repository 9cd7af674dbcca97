"""Admission by itself: signatures checked and buckets charged on one core, against the stack's Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import uvloop

from agents.admit import admit
from agents.parts import admitted
from infra.auth import SealedKeyRing
from infra.rate_limit import RedisLimiter, connect
from infra.sealing import Sealer
from schemas import headers as h
from schemas.errors import Unavailable
from schemas.keys import ApiKey, hash_api_key, new_api_key, new_key_id
from schemas.message import Batch, Record
from schemas.quota import Charge
from schemas.request import new_request_id
from schemas.signing import signing_key
from streams.memory import settle
from streams.requests import signed_request
from tests.bench.load import customers
from tests.bench.place import LIMIT_PER_HOUR

TOPIC = "prediction-requests"
RECORDS, KEYS, PARTITIONS = 500, 40, 4
ROUND = 20
"""Batches that are signed at once and then admitted: what is signed must be fresh, and fit into memory."""
BODY, YARDSTICKS = b"x" * 600, 2000
"""What the yardstick hashes, and how often: a few milliseconds of the work that admission mostly is."""
QUIET = 1.15
"""A round is disturbed where the yardstick beside it took so many times as long as at its fastest: by what else runs on
the machine, perhaps on the other half of the core."""
PATIENCE_S = 5.0
"""Of the limiter: a busy machine shall show as a low rate, not as decisions made without Redis."""


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement of some batches.

    what: `limiter`, charges alone; `stage`, from the signed record on, as the scorer does it: one part is examined
    while Redis charges the one before; `singly`, the same where each part waits for Redis. rate: decisions a second.
    yardstick_us: how long the yardstick took beside it, for one hash.
    """

    what: str
    rate: float
    yardstick_us: float


def undisturbed(rounds: Sequence[Round]) -> list[Round]:
    """Those that ran while the core was as fast as it ever was among them; of each kind the best one at least."""
    fastest = min((one.yardstick_us for one in rounds), default=0.0)
    best = {one.what: one for one in sorted(rounds, key=lambda one: -one.yardstick_us)}
    return [one for one in rounds if one.yardstick_us <= QUIET * fastest or one is best[one.what]]


class Caller:
    """A key, and records that it signs."""

    def __init__(self, sealer: Sealer, ring: SealedKeyRing) -> None:
        api_key, self.key_id = new_api_key(test=True), new_key_id()
        self._signing_key = signing_key(api_key)
        key = ApiKey(
            key_id=self.key_id,
            name="bench",
            key_hash=hash_api_key(api_key),
            sealed_signing_key=sealer.seal(self.key_id, self._signing_key),
            rate_limit=LIMIT_PER_HOUR,
            burst=LIMIT_PER_HOUR,
            created_at=datetime.now(UTC),
        )
        ring.update(self.key_id, key.model_dump_json().encode())

    def record(self, offset: int, entity: str, body: bytes) -> Record:
        now_ms = time.time_ns() // 1_000_000
        sent = signed_request(
            TOPIC,
            body,
            entity=entity,
            request_id=new_request_id(),
            key_id=self.key_id,
            signing_key=self._signing_key,
            now_ms=now_ms,
        )
        return Record(TOPIC, offset % PARTITIONS, offset, now_ms, sent.key, sent.value, sent.headers)


class Requests:
    """Batches of signed records, each batch by every key."""

    def __init__(self, callers: Sequence[Caller]) -> None:
        self._callers = cycle(callers)
        self._customers = cycle(customers())
        self._offset = 0

    def batch(self, parts: int = 1) -> Batch:
        """So many parts in one."""
        bodies = islice(self._customers, parts * RECORDS)
        numbered = enumerate(bodies, self._offset)
        records = [next(self._callers).record(offset, *body) for offset, body in numbered]
        self._offset += len(records)
        return Batch(TOPIC, records)


def charges(batch: Batch) -> list[Charge]:
    """What the stage asks of the limiter for a batch."""
    return [_charge(record, dict(record.headers)) for record in batch.records]


def _charge(record: Record, headers: Mapping[str, bytes]) -> Charge:
    identity = f"{headers[h.REQUEST_ID].decode()}:{'0' * 24}"
    limits = (LIMIT_PER_HOUR, LIMIT_PER_HOUR, 1)
    return Charge(headers[h.KEY_ID].decode(), *limits, record.partition, record.offset, identity)


def admission(redis_url: str, batches: int) -> list[Round]:
    """So many batches of 500 records by 40 keys in rounds, each request a new one. Raises Unavailable."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measured(redis_url, batches))


async def _measured(redis_url: str, batches: int) -> list[Round]:
    sealer, prefix = Sealer(uuid4().hex), f"bench:{uuid4().hex}"
    ring = SealedKeyRing(sealer)
    requests = Requests([Caller(sealer, ring) for _ in range(KEYS)])
    redis = connect(redis_url, PATIENCE_S)
    limiter = RedisLimiter(redis, logs={TOPIC: "bench"}, prefix=prefix, timeout_s=PATIENCE_S)
    rounds: list[Round] = []
    try:
        await limiter.charge(TOPIC, charges(requests.batch()), 1.0)  # connects, and loads the script
        for count in _rounds(batches):
            asked = [charges(requests.batch()) for _ in range(count)]
            rounds.append(await _round("limiter", count, [limiter.charge(TOPIC, each, 1.0) for each in asked]))
            signed = [requests.batch() for _ in range(count)]
            waits = [admit(each, keys=ring, limiter=limiter, clock=_now) for each in signed]
            rounds.append(await _round("singly", count, waits))
            parts = admitted(requests.batch(count), keys=ring, limiter=limiter, clock=_now)
            rounds.append(await _round("stage", count, [_exhausted(parts)]))
        if limiter.degraded:
            raise Unavailable("redis", f"it did not answer within {PATIENCE_S:.0f} s")
        async for name in redis.scan_iter(f"{prefix}:*"):
            await redis.delete(name)
    finally:
        await limiter.close()
        await redis.aclose()
    return rounds


async def _round(what: str, count: int, works: Sequence[Awaitable[Any]]) -> Round:
    before = _yardstick_us()
    seconds = await _seconds(works)
    return Round(what, count * RECORDS / seconds, max(before, _yardstick_us()))


def _yardstick_us() -> float:
    began = time.perf_counter()
    for _ in range(YARDSTICKS):
        sha256(BODY).hexdigest()
    return (time.perf_counter() - began) / YARDSTICKS * 1e6


async def _exhausted(parts: AsyncIterator[Any]) -> None:
    async for _ in parts:
        pass


def _rounds(batches: int) -> Iterator[int]:
    for begun in range(0, batches, ROUND):
        yield min(ROUND, batches - begun)


async def _seconds(works: Iterable[Awaitable[Any]]) -> float:
    """How long they take one after the other, with memory as a worker has it."""
    settle()
    began = time.perf_counter()
    for work in works:
        await work
    return time.perf_counter() - began


def _now() -> datetime:
    return datetime.now(UTC)
