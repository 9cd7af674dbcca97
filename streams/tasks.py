"""Work that ends early: where its host interrupts it, where what runs beside it ended, or where it takes too long."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

log = logging.getLogger("weir.host")

T = TypeVar("T")
CHECK_S = 0.1
LEAVE_S = 5.0


async def unless(interrupted: Callable[[], bool], work: Coroutine[Any, Any, T]) -> T | None:
    """The work's result; None as soon as the host interrupts, and the work is cancelled.

    The host is asked again and again, as Faust's flags wake nobody.
    """
    task = asyncio.ensure_future(work)
    try:
        while not interrupted():
            done, _ = await asyncio.wait([task], timeout=CHECK_S)
            if done:
                return task.result()
        return None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def first_failure(*tasks: asyncio.Future[None]) -> None:
    """Returns or raises as the first of the tasks to end does, and cancels the rest; all where it is cancelled."""
    done: set[asyncio.Future[None]] = set()
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        rest = set(tasks) - done
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
    for task in done:
        task.result()


async def leave(stopping: Coroutine[Any, Any, object]) -> None:
    """Let a crashed host's consumer leave its group, so that its partitions move on at once, in LEAVE_S at most.

    Raises nothing: a consumer that ends passes on that its own task or thread was cancelled.
    """
    try:
        async with asyncio.timeout(LEAVE_S):
            await stopping
    except (Exception, asyncio.CancelledError) as error:
        log.warning("leaving the group failed, it will notice by itself: %r", error)
