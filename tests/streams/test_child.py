"""A role's child: what it says is bounded, and it does not outlive who waits for it."""

import asyncio
import sys
from signal import SIGKILL

import psutil
import pytest

from streams.child import MOST_SAID, run

DEAF = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", file=sys.stderr, flush=True)
pathlib.Path(sys.argv[1]).touch()
signal.pause()
signal.pause()
"""


async def test_a_child_that_does_not_heed_that_it_is_to_end_is_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    up, stop = tmp_path_factory.mktemp("child") / "up", asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        ending = tasks.create_task(run([sys.executable, "-c", DEAF, str(up)], stop, 30, grace_s=0.2))
        while not up.exists():
            await asyncio.sleep(0.02)
        stop.set()
    assert await ending == (-SIGKILL, b"", b"deaf\n", "stopped")


async def test_of_a_child_that_says_too_much_the_last_is_kept() -> None:
    program = f"import sys; sys.stderr.write('x' * {3 * MOST_SAID} + 'end'); print('y' * {3 * MOST_SAID})"
    async with asyncio.timeout(30):
        ended = await run([sys.executable, "-c", program], asyncio.Event(), 30)
    assert (len(ended.out), len(ended.err), ended.err[-4:]) == (MOST_SAID, MOST_SAID, b"xend")
    assert (ended.code, ended.why) == (0, "by_itself")


async def test_a_child_is_killed_where_nobody_waits_for_it_any_more(tmp_path_factory: pytest.TempPathFactory) -> None:
    up = tmp_path_factory.mktemp("child") / "up"
    ending = asyncio.ensure_future(run([sys.executable, "-c", DEAF, str(up)], asyncio.Event(), 30))
    async with asyncio.timeout(30):
        while not up.exists():
            await asyncio.sleep(0.02)
        child = next(one for one in psutil.Process().children() if _is_told(one, str(up)))
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
    assert not child.is_running()
    assert asyncio.all_tasks() == {asyncio.current_task()}, "nobody reads on when the loop closes"


def _is_told(child: psutil.Process, argument: str) -> bool:
    """Others of the test's process may have ended without anybody who looked."""
    try:
        return argument in child.cmdline()
    except psutil.ZombieProcess:
        return False
