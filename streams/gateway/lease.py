"""The lease of a reply partition: while it is held, no other gateway reads the same one."""

import asyncio
import logging
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.gateway.replies import hashed

log = logging.getLogger("weir.gateway.lease")

LEASE_S = 30
RENEW_S = 10


class Lease:
    """A partition number held in Redis for this instance, renewed until released.

    Replies carry the instance, so two gateways on one partition are merely wasteful: without Redis, or with
    every partition taken, the instance's hash decides.
    """

    def __init__(self, redis: Redis, topic: str, instance: str) -> None:
        self._redis = redis
        self._topic = topic
        self._instance = instance
        self._held: int | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def choose(self, partitions: int) -> int:
        """A free partition of so many, taken; otherwise the instance's hash."""
        preferred = await hashed(self._instance)(partitions)
        self._held = await self._first_free(preferred, partitions)
        if self._held is not None:
            self._renewing = asyncio.create_task(self._renew(self._held), name="reply-lease")
        return preferred if self._held is None else self._held

    async def release(self) -> None:
        """Give the partition back."""
        if self._renewing is None or self._held is None:
            return
        self._renewing.cancel()
        with suppress(asyncio.CancelledError):
            await self._renewing
        with suppress(RedisError, OSError):
            if await self._holder(self._held) == self._instance:
                await self._redis.delete(self._name(self._held))

    async def _first_free(self, preferred: int, partitions: int) -> int | None:
        try:
            for step in range(partitions):
                candidate = (preferred + step) % partitions
                if await self._take(candidate):
                    return candidate
        except (RedisError, OSError) as error:
            log.warning("no lease of a reply partition, Redis does not answer: %s", error)
            return None
        log.warning("all %d reply partitions of %s are leased: sharing one", partitions, self._topic)
        return None

    async def _renew(self, partition: int) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._keep(partition)
            except (RedisError, OSError) as error:
                log.warning("the lease of reply partition %d was not renewed: %s", partition, error)

    async def _keep(self, partition: int) -> None:
        holder = await self._holder(partition)
        if holder == self._instance:
            await self._redis.expire(self._name(partition), LEASE_S)
        elif holder is not None or not await self._take(partition):
            log.warning("reply partition %d is leased to another gateway now: sharing it", partition)

    async def _take(self, partition: int) -> bool:
        return bool(await self._redis.set(self._name(partition), self._instance, nx=True, ex=LEASE_S))

    async def _holder(self, partition: int) -> str | None:
        held: bytes | str | None = await self._redis.get(self._name(partition))
        return held.decode() if isinstance(held, bytes) else held

    def _name(self, partition: int) -> str:
        return f"weir:reply-lease:{self._topic}:{partition}"
