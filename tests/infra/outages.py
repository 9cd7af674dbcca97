"""A Redis that a test may kill, freeze or make mute, and a limiter that has little patience with it."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import msgpack
from redis.asyncio import Redis

from infra.local.process import Process, await_ready, listening, spawn, stop
from infra.local.redis import options, wheel_program
from infra.rate_limit import RedisLimiter
from tests.infra.charges import TOPIC, charge

TIMEOUT_S = 0.2
TWO_TRIES_S = 2 * 1.1 * TIMEOUT_S
"""A tenth is the grace of each."""

BUSY_S = 0.3
"""What the limiter and its timers may take besides on a busy machine."""


@dataclass
class Server:
    """A Redis that a test may kill and start again."""

    port: int
    folder: Path
    process: Process | None = None
    program: str = field(default_factory=wheel_program)

    def start(self) -> None:
        log = self.folder / "redis.log"
        argv = [self.program, *options(self.port, self.folder, keep=False)]
        self.process = spawn("redis", argv, log=log, environ=os.environ, leash=True)
        await_ready(self.process, log, lambda: listening(self.port), within=20)

    def stop(self) -> None:
        assert self.process is not None
        stop(self.process)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        stop(self.process, with_signal=signal.SIGKILL)


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """The server stands still meanwhile: it takes connections and answers none."""
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


@dataclass
class Mute:
    """Runs every script, but so many answers from now on never come."""

    redis: Redis
    silent: int = 0
    payloads: list[bytes] = field(default_factory=list)

    @property
    def batches(self) -> int:
        """How often it was asked of records."""
        return sum(msgpack.decode(payload)["asked"]["log"] == "log" for payload in self.payloads)

    async def evalsha(self, digest: str, keys: int, payload: bytes) -> Any:
        self.payloads.append(payload)
        answer = await self.redis.evalsha(digest, keys, payload)
        if self.silent:
            self.silent -= 1
            await asyncio.Event().wait()
        return answer

    async def eval(self, *arguments: Any) -> Any:
        return await self.redis.eval(*arguments)

    def pipeline(self, **options: Any) -> Any:
        return self.redis.pipeline(**options)


def limiter(redis: Redis | Mute, **options: object) -> RedisLimiter:
    return RedisLimiter(redis, logs={TOPIC: "log"}, **{"timeout_s": TIMEOUT_S, **options})  # type: ignore[arg-type]


async def until_redis_decides(buckets: RedisLimiter, offset: int) -> None:
    """One charge at a time, on another bucket, until Redis is asked again."""
    deadline = time.monotonic() + 20
    while (await buckets.charge(TOPIC, [charge(offset, bucket="probe", partition=9)], 1))[0].degraded:
        assert time.monotonic() < deadline, "Redis is not asked again"
        offset += 1
        await asyncio.sleep(0.05)
