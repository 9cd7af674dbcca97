"""Work that ends early takes along what runs beside it, and says why it ended."""

import asyncio

import pytest

from streams.tasks import first_failure


async def fail() -> None:
    raise ZeroDivisionError


async def wait() -> None:
    await asyncio.Event().wait()


async def fail_once_cancelled() -> None:
    try:
        await wait()
    finally:
        raise RuntimeError


async def test_the_first_failure_cancels_the_rest() -> None:
    waiting = asyncio.create_task(wait())
    with pytest.raises(ZeroDivisionError):
        await first_failure(waiting, asyncio.create_task(fail()))
    assert waiting.cancelled()


async def test_the_first_failure_is_told_whatever_the_rest_raise_as_they_are_cancelled() -> None:
    with pytest.raises(ZeroDivisionError):
        await first_failure(asyncio.create_task(fail_once_cancelled()), asyncio.create_task(fail()))


async def test_all_are_cancelled_where_who_waits_for_them_is() -> None:
    waiting = [asyncio.create_task(wait()) for _ in range(2)]
    racing = asyncio.create_task(first_failure(*waiting))
    await asyncio.wait([racing], timeout=0.05)
    racing.cancel()
    await asyncio.wait([racing], timeout=3)
    assert racing.cancelled()
    assert all(task.cancelled() for task in waiting)
