"""Charges, a clock moved by hand, and a limiter on it."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from infra.rate_limit import RedisLimiter, connect
from schemas.quota import Charge, Decision

S = 1_000_000
WINDOW_S = 3600
TOPIC = "prediction-requests"


class Clock:
    """Epoch microseconds, moved by hand."""

    def __init__(self, seconds: int = 1000) -> None:
        self.now_us = seconds * S

    def __call__(self) -> int:
        return self.now_us


def limiter(redis: Redis, clock: Clock, prefix: str | None = None, **options: Any) -> RedisLimiter:
    prefix = prefix or uuid4().hex
    return RedisLimiter(
        redis, logs={TOPIC: "log-1", "other": "log-2"}, prefix=prefix, window_s=WINDOW_S, timeout_s=5,
        clock_us=clock, **options,
    )  # fmt: skip


def on_redis(url: str, work: Callable[[Redis], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        redis = connect(url, 5)
        try:
            await work(redis)
        finally:
            await redis.aclose()

    asyncio.run(run())


_count = itertools.count()


def charge(offset: int, cost: int = 1, *, identity: str | None = None, per_hour: int = 10, **more: Any) -> Charge:
    identity = f"request {next(_count)}" if identity is None else identity
    more = {"bucket": "key", "capacity": 10, "partition": 0, **more}
    return Charge(per_hour=per_hour, cost=cost, offset=offset, identity=identity, **more)


def outcomes(decisions: Sequence[Decision]) -> str:
    return "".join(decision.outcome[0] for decision in decisions)
