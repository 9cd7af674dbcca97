"""The demo's screen while it is under way: a table that is redrawn on a terminal, lines elsewhere."""

import asyncio
import io
from contextlib import suppress

import pytest
from rich.console import Console

from streams.demo.ledger import Ledger
from streams.demo.show import frames

WAIT_S = 10.0
CURSOR_UP = "\x1b[1A"


def drawn_on(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def watched(console: Console) -> str:
    """What stands on the console of a run that has sent nothing at first, then three requests, and then ends."""
    ledger = Ledger()
    task = asyncio.create_task(frames(ledger, console))
    with suppress(TimeoutError):
        async with asyncio.timeout(WAIT_S):
            while console.is_terminal and drawn_on(console).count("0 sent, 0 ended") < 2:
                await asyncio.sleep(0.01)
            ledger.sent(["a", "b", "c"], "kafka", "generous")
            while "3 sent" not in drawn_on(console):
                await asyncio.sleep(0.01)
    ledger.event("a", "ok")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return drawn_on(console)


async def test_a_terminal_shows_a_table_that_is_drawn_over_itself_and_a_last_time_in_the_end() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, color_system=None, _environ={})
    tables = (await watched(console)).split(CURSOR_UP)
    assert "p99" in tables[0]
    assert "none yet" in tables[0]
    shown = "".join(tables)
    assert shown.index("0 sent, 0 ended") < shown.index("3 sent, 0 ended") < shown.index("3 sent, 1 ended")
    assert "█" in tables[-1]


async def test_elsewhere_lines_tell_how_far_it_is_and_the_whole_in_the_end() -> None:
    console = Console(file=io.StringIO(), width=80, _environ={})
    shown = await watched(console)
    assert "\x1b" not in shown
    first, *rest = shown.splitlines()
    assert first == "traffic   3 sent, 0 ended"
    assert "ok            1" in rest
    assert any(line.startswith("ledger") and "3 sent, 1 ended" in line for line in rest)
