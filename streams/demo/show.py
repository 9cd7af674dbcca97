"""The demo as an act: traffic and observer at work, with everything on one screen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from rich.console import Console
from rich.live import Live

from streams.demo.ledger import Ledger
from streams.demo.observer import Observer
from streams.demo.phases import Phases
from streams.demo.platform import Platform
from streams.demo.screen import plain, screen
from streams.demo.traffic import Plan, Traffic
from streams.demo.visitors import Visitors
from streams.topics import check_topics

SETTLE_S = 30.0
FRAME_S = 0.25
LINE_S = 2.0


async def show(
    platform: Platform,
    phases: Phases,
    console: Console,
    plan: Plan,
    conclude: Callable[[Ledger], None],
    *,
    stay: bool,
) -> None:
    """Send the plan and show what becomes of it, then conclude; with `stay`, go on watching until cancelled."""
    ledger, visitors = Ledger(), Visitors(console)
    partitions = await asyncio.to_thread(check_topics, platform.settings)
    async with (
        Observer(platform.settings, partitions, ledger, visitors.see) as observer,
        _beside(observer.follow()),
    ):
        async with _beside(frames(ledger, console), observer.count_rows()):
            await Traffic(platform.settings, platform.url, platform.cast, ledger, plan).send(phases)
            with phases.phase("settle"):
                await _settle(ledger, observer)
        conclude(ledger)
        if stay:
            await visitors.welcome(platform.is_up)


async def _settle(ledger: Ledger, observer: Observer) -> None:
    """Wait until everything sent has arrived everywhere, or for SETTLE_S seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            while ledger.problems() or not await observer.at_end():  # noqa: ASYNC110 - Postgres rings no bell
                await asyncio.sleep(0.1)


async def frames(ledger: Ledger, console: Console) -> None:
    """Redraw the screen until cancelled, and a last time then; without a terminal say the same in lines."""
    if not console.is_terminal:
        return await _lines(ledger, console)
    with Live(screen(ledger), console=console, auto_refresh=False, vertical_overflow="visible") as live:
        try:
            while True:
                await asyncio.sleep(FRAME_S)
                live.update(screen(ledger), refresh=True)
        finally:
            live.update(screen(ledger), refresh=True)


async def _lines(ledger: Ledger, console: Console) -> None:
    try:
        while True:
            await asyncio.sleep(LINE_S)
            console.print(f"traffic   {len(ledger.requests)} sent, {len(ledger.statuses)} ended", soft_wrap=True)
    finally:
        for line in plain(ledger):
            console.print(line, soft_wrap=True, markup=False, highlight=False)


@asynccontextmanager
async def _beside(*works: Awaitable[None]) -> AsyncIterator[None]:
    """Endless works beside the block: what one raises ends the block and is raised; the block's end cancels them."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_run(work)) for work in works]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


async def _run(work: Awaitable[None]) -> None:
    await work


def _first(error: BaseException) -> BaseException:
    """The first that went wrong: what followed is its shadow."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
