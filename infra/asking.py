"""Redis asked with little patience, and what counts as no answer."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from infra.token_bucket import script

FIRST_CALL_S = 1.0
"""The time of a call that also connects and loads the script, which takes half a dozen round trips."""

AWAY = (RedisError, OSError, TimeoutError)


async def run(redis: Redis, question: bytes) -> Any:
    """The script's answer; it is loaded where Redis has it no more."""
    text, digest = script()
    try:
        return await redis.evalsha(digest, 0, question)
    except NoScriptError:
        return await redis.eval(text, 0, question)


async def within(seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
    """The work's result. Raises TimeoutError where it takes longer."""
    task = asyncio.ensure_future(work)
    # One that was given up may end with an error of its own, which nobody else would look at.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            # After a stall of the event loop the timer may run before the answer that came in time is read.
            await asyncio.wait({task}, timeout=seconds / 10)
        if task.done():
            return task.result()
        raise TimeoutError(f"no answer within {seconds} s")
    finally:
        task.cancel()
