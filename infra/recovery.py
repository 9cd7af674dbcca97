"""The way back to Redis once a limiter has left it: a task beside the batches, which themselves do not try."""

import asyncio
import logging
from collections.abc import Callable

from redis.asyncio import Redis

from infra.asking import AWAY, FIRST_CALL_S, run, within
from infra.breaker import REOPEN_S
from infra.charging import ask
from infra.handover import SLICE, Handover
from infra.token_bucket import Terms, payload

NOTHING = ask("", [])

_log = logging.getLogger("weir.rate_limit")


class Recovery:
    """Whether Redis decides, and after it was left the return to it.

    timeout_s: how fast Redis must answer to be returned to. on_degraded: told True and False at each change.
    """

    def __init__(
        self, redis: Redis, terms: Terms, timeout_s: float, on_degraded: Callable[[bool], object] = lambda _: None
    ) -> None:
        self._redis = redis
        self._nothing = payload(NOTHING, terms, None)
        self._timeout_s = timeout_s
        self._on_degraded = on_degraded
        self._task: asyncio.Task[None] | None = None
        self._last_step: asyncio.Event | None = None
        self.local = Handover(terms)
        """What was decided since Redis was left."""
        self.degraded = False
        """Whether Redis was left and is not returned to yet."""

    def leave(self, error: Exception) -> None:
        """Redis had no answer: it is left, and tried again every REOPEN_S seconds."""
        if not self.degraded:
            _log.warning("rate limits are decided locally until Redis answers again: %r", error)
            self.degraded = True
            self._on_degraded(True)
            self._task = asyncio.create_task(self._return())

    async def redis_decides(self) -> bool:
        """Whether Redis is to be asked now; waits for the last step back to it, which is one call."""
        if self._last_step is not None:
            await self._last_step.wait()
        return not self.degraded

    async def close(self) -> None:
        """Ends the tries."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _return(self) -> None:
        while self.degraded:
            await asyncio.sleep(REOPEN_S)
            try:
                await self._reach()
                await self._hand_over()
            except AWAY as error:
                _log.debug("Redis is left alone for longer: %r", error)

    async def _reach(self) -> None:
        """Connects in peace, then looks whether Redis answers as fast as a batch needs it."""
        await within(max(FIRST_CALL_S, self._timeout_s), run(self._redis, self._nothing))
        await within(self._timeout_s, run(self._redis, self._nothing))

    async def _hand_over(self) -> None:
        """Tells Redis what was decided without it, while batches go on, then the rest of it, while they wait."""
        more = True
        while more:
            more = len(self.local) > SLICE
            await within(max(FIRST_CALL_S, self._timeout_s), self.local.give(self._redis, SLICE))
        self._last_step = asyncio.Event()
        try:
            while self.local:
                await within(self._timeout_s, self.local.give(self._redis))
            # No await since: what was decided here by now Redis knows.
            self.degraded = False
        finally:
            self._last_step.set()
            self._last_step = None
        _log.warning("Redis answers again: it decides rate limits")
        self._on_degraded(False)
