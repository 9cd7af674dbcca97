"""The token buckets in Redis, one script call per batch, and in this process's memory while Redis is away."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from infra.bucket import UNITS, Level
from infra.charging import FREE, SECOND_US, Asked, Verdict, ask, decide
from infra.local_buckets import LocalBuckets
from schemas.quota import Charge, Decision, Outcome

FIRST_CALL_S = 1.0
"""The first call also connects and loads the script."""

REOPEN_S = 1.0
"""How long Redis is left alone after a failure, before one batch tries it again."""

KEEP_S = 30 * 24 * 3600
"""How long a partition's end and the refusals near it are kept after the last of them: longer than the records."""

AWAY = (RedisError, OSError, TimeoutError)

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
    batch. clock_us: in place of Redis's own clock. on_degraded: told True and False at each change.
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
        on_degraded: Callable[[bool], object] = lambda _: None,
    ) -> None:
        self._redis = redis
        self._logs = logs
        self._prefix = prefix
        self._window_s = window_s
        self._timeout_s = timeout_s
        self._clock_us = clock_us
        self._enabled = enabled
        self._on_degraded = on_degraded
        self._patience_s = max(FIRST_CALL_S, timeout_s)
        self._ask_again_at = 0.0
        self._local = LocalBuckets(window_s)
        self.degraded = False
        """Whether the last batch was decided without Redis."""

    async def charge(self, topic: str, charges: Sequence[Charge], share: float) -> Sequence[Decision]:
        """One decision per charge, in order; see `agents.ports.Limiter`.

        A partition's batches must come in order, one at a time: what lies below an offset decided counts as
        decided. A charge that costs more than its bucket holds is denied with a `retry_after` of 0: it can
        never pass.
        """
        if not charges or not self._enabled:
            return [_free(charge, self._now_us()) for charge in charges]
        asked = ask(self._logs[topic], charges)
        verdict = await self._verdict(asked)
        if verdict is not None:
            return list(decide(asked, charges, verdict))
        asked = ask(self._logs[topic], charges, share)
        verdict = self._local.charge(asked, self._now_us())
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
        """Fills a bucket. Raises redis's own error where Redis is away."""
        self._local.fill(bucket)
        await self._redis.delete(f"{self._prefix}:bucket:{bucket}")

    async def _verdict(self, asked: Asked) -> Verdict | None:
        """Redis's answer; None where it has none to give now."""
        if time.monotonic() < self._ask_again_at:
            return None
        patience_s, self._patience_s = self._patience_s, self._timeout_s
        try:
            answer = await self._ask(self._payload(asked), patience_s)
        except AWAY as error:
            self._leave_redis(error)
            return None
        self._return_to_redis()
        return _read(asked, answer)

    async def _ask(self, payload: bytes, patience_s: float) -> Any:
        """Redis's answer, asked for twice while Redis is not away yet: a stall of the event loop or a connection
        that has ended is no outage. Where the script had run for the first, the second finds every offset decided."""
        if not self.degraded:
            try:
                return await _within(patience_s, self._run(payload))
            except AWAY as error:
                _log.debug("Redis is asked again: %r", error)
        return await _within(patience_s, self._run(payload))

    async def _run(self, payload: bytes) -> Any:
        text, digest = script()
        try:
            return await self._redis.evalsha(digest, 0, payload)
        except NoScriptError:
            return await self._redis.eval(text, 0, payload)

    def _payload(self, asked: Asked) -> bytes:
        settings = {"prefix": self._prefix, "window": self._window_s, "keep": KEEP_S}
        if self._clock_us is not None:
            settings["now"] = self._clock_us()
        return orjson.dumps({**settings, "asked": asked})

    def _leave_redis(self, error: Exception) -> None:
        self._ask_again_at = time.monotonic() + REOPEN_S
        if not self.degraded:
            _log.warning("rate limits are decided locally until Redis answers again: %r", error)
            self.degraded = True
            self._on_degraded(True)

    def _return_to_redis(self) -> None:
        if self.degraded:
            _log.warning("Redis answers again: it decides rate limits")
            self.degraded = False
            self._on_degraded(False)

    def _now_us(self) -> int:
        return time.time_ns() // 1000 if self._clock_us is None else self._clock_us()


@cache
def script() -> tuple[str, str]:
    """The script's text and the digest that Redis knows it by."""
    text = Path(__file__).with_name("token_bucket.lua").read_text()
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


async def _within(seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
    """The work's result. Raises TimeoutError where it takes longer."""
    task = asyncio.ensure_future(work)
    # One that was given up may end with an error of its own, which nobody else would look at.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    try:
        await asyncio.wait({task}, timeout=seconds)
        # After a stall of the event loop the timer may run before the answer that came in time is read.
        await asyncio.wait({task}, timeout=seconds / 10)
        if task.done():
            return task.result()
        raise TimeoutError(f"no answer within {seconds} s")
    finally:
        task.cancel()


def _read(asked: Asked, answer: Sequence[Any]) -> Verdict:
    letters, now_us, *states = answer
    fields = zip(states[::3], states[1::3], states[2::3], asked.rates, asked.sizes, strict=True)
    levels = [Level(tokens * UNITS + units, at_us, rate, size) for tokens, units, at_us, rate, size in fields]
    return Verdict(letters.decode() if isinstance(letters, bytes) else letters, levels, now_us)


def _free(charge: Charge, now_us: int) -> Decision:
    outcome: Outcome = "expired" if charge.expired else "admitted"
    return Decision(outcome, charge.per_hour, charge.capacity, -(-now_us // SECOND_US))
