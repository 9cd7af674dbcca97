"""The token buckets in Redis, one script call per batch, and in this process's memory while Redis is away."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from infra.adaptive import AdaptiveRateLimiter
from infra.asking import AWAY, FIRST_CALL_S, run, within
from infra.charging import FREE, Asked, Verdict, ask, decide, free
from infra.local_buckets import LocalBuckets
from infra.recovery import Recovery
from infra.token_bucket import Terms, payload, read
from schemas.errors import Unavailable
from schemas.quota import Charge, Decision

__all__ = ["AdaptiveRateLimiter", "RedisLimiter", "connect"]

_log = logging.getLogger("weir.rate_limit")


def connect(url: str, timeout_s: float = 1.0) -> Redis:
    """A client that fails within `timeout_s` seconds instead of trying again; connects when first used.

    The limiter itself waits far shorter. A tighter limit here would cut connections off whenever the event loop
    stalls, although the answer lies ready.
    """
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0))


class RedisLimiter:
    """Charges buckets in Redis; never raises for Redis's sake, but decides locally and says `degraded`.

    logs: topic -> identity of its log, which a topic that was made anew does not share with the old one.
    window_s: how long an admitted request is recognised when it is sent again. timeout_s: Redis's time for a
    batch. clock_us: in place of Redis's own clock. dry_run: who is out of tokens is admitted all the same, as
    `would_refuse`. on_degraded: told True and False at each change.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        logs: Mapping[str, str],
        prefix: str = "weir",
        window_s: int = 600,
        timeout_s: float = 0.05,
        clock_us: Callable[[], int] | None = None,
        enabled: bool = True,
        dry_run: bool = False,
        on_degraded: Callable[[bool], object] = lambda _: None,
        explain_cost: int = 10,
    ) -> None:
        self._redis = redis
        self._logs = logs
        self._terms = Terms(prefix, window_s, dry_run)
        self._timeout_s = timeout_s
        self._clock_us = clock_us
        self._enabled = enabled
        self._patience_s = max(FIRST_CALL_S, timeout_s)
        self._recovery = Recovery(redis, self._terms, timeout_s, on_degraded if enabled else lambda _: None)
        self._local = LocalBuckets(window_s, dry_run=dry_run)
        self.refuses = enabled and not dry_run
        """Whether anyone is refused for the limit's sake."""
        self.explain_cost = explain_cost
        """Tokens for a row whose answer is explained."""

    @property
    def degraded(self) -> bool:
        """Whether limits are decided without Redis."""
        return self._enabled and self._recovery.degraded

    async def close(self) -> None:
        """Ends the tries to return to Redis."""
        await self._recovery.close()

    async def charge(self, topic: str, charges: Sequence[Charge], share: float) -> Sequence[Decision]:
        """One decision per charge, in order; see `agents.ports.Limiter`.

        A partition's batches must come in order, one at a time: what lies below an offset decided counts as
        decided. A charge that costs more than its bucket holds is denied with a `retry_after` of 0: it can
        never pass.
        """
        if not charges:
            return []
        if not self._enabled:
            # Nothing is charged, but whoever was admitted stays so: until a record comes again its deadline may pass.
            decided = await self._decide(topic, [replace(charge, cost=0) for charge in charges], share)
            now_us = self._now_us()
            return [free(charge, of.outcome, now_us) for charge, of in zip(charges, decided, strict=True)]
        return await self._decide(topic, charges, share)

    async def _decide(self, topic: str, charges: Sequence[Charge], share: float) -> Sequence[Decision]:
        asked = ask(self._logs[topic], charges)
        verdict = await self._verdict(asked)
        if verdict is not None:
            return list(decide(asked, charges, verdict))
        asked = ask(self._logs[topic], charges, share)
        verdict = self._local.charge(asked, self._now_us())
        self._recovery.local.note(asked, verdict.letters)
        return list(decide(asked, charges, verdict, degraded=True))

    async def peek(self, bucket: str, per_hour: int, capacity: int) -> Decision:
        """A bucket's state, charging nothing."""
        charge = Charge(bucket, per_hour, capacity, 0, 0, 0, "")
        asked = Asked("", [bucket], [per_hour], [capacity], [], [], [], [], [], [], [])
        verdict = await self._verdict(asked)
        degraded = verdict is None
        verdict = verdict or self._local.charge(asked, self._now_us())
        state = Verdict(FREE, verdict.levels, verdict.now_us)
        return next(decide(ask("", [charge]), [charge], state, degraded=degraded))

    async def reset(self, bucket: str) -> None:
        """Fills a bucket. Raises Unavailable where Redis is away."""
        self._local.fill(bucket)
        try:
            await self._redis.delete(f"{self._terms.prefix}:bucket:{bucket}")
        except AWAY as error:
            raise Unavailable("redis", "the bucket could not be filled") from error

    async def _verdict(self, asked: Asked) -> Verdict | None:
        """Redis's answer; None where it has none to give now."""
        if not await self._recovery.redis_decides():
            return None
        patience_s, self._patience_s = self._patience_s, self._timeout_s
        now_us = None if self._clock_us is None else self._clock_us()
        try:
            answer = await self._ask(payload(asked, self._terms, now_us), patience_s)
        except AWAY as error:
            self._recovery.leave(error)
            self._recovery.local.doubt(asked)
            return None
        verdict = read(asked, answer)
        self._local.note(asked, verdict.letters)
        return verdict

    async def _ask(self, question: bytes, patience_s: float) -> Any:
        """Redis's answer, asked for twice: a stall of the event loop or a connection that has ended is no outage.
        Where the script had run for the first, the second finds every offset decided."""
        try:
            return await within(patience_s, run(self._redis, question))
        except AWAY as error:
            _log.debug("Redis is asked again: %r", error)
        return await within(patience_s, run(self._redis, question))

    def _now_us(self) -> int:
        return time.time_ns() // 1000 if self._clock_us is None else self._clock_us()
