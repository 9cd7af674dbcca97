"""How often each record has crashed a worker, counted in Redis so that a restart finds it."""

from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.errors import Unavailable
from schemas.message import Record

KEPT_S = 24 * 60 * 60


class RedisAttempts:
    """Counts per log, partition and offset; a count is forgotten after a day.

    logs: topic -> identity of its log.
    """

    def __init__(self, redis: Redis, logs: Mapping[str, str], group: str) -> None:
        self._redis = redis
        self._logs = logs
        self._group = group

    async def add(self, record: Record) -> int:
        """Count one more and return the number. Raises Unavailable."""
        log = self._logs[record.topic]
        name = f"weir:attempts:{self._group}:{log}:{record.partition}:{record.offset}"
        try:
            async with self._redis.pipeline() as pipe:
                pipe.incr(name)
                pipe.expire(name, KEPT_S)
                count, _ = await pipe.execute()
        except RedisError as error:
            raise Unavailable("redis", "the attempt could not be counted") from error
        return int(count)
