"""A thread that ends the process when records wait and nothing moves: Faust's own stall detector cannot fire."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import NoReturn

from schemas.message import Emission
from streams.host import REBALANCE_TIMEOUT_S, Progress
from streams.ports import Sender

log = logging.getLogger("weir.watchdog")

EXIT_STALLED = 70
BEAT_S = 0.5
REBALANCE_S = 2 * REBALANCE_TIMEOUT_S
"""A rebalance takes at most one timeout to let go of partitions and another to hand them out."""


def _exit() -> NoReturn:
    os._exit(EXIT_STALLED)


class Watchdog:
    """Calls `give_up` when records are unread or batches unfinished and nothing has moved for `stall_after_s` seconds.

    A standstill that a dependency's outage excuses counts as movement. A rebalance excuses one for REBALANCE_S at most,
    whether records are known to wait or not. The thread sees a blocked event loop too. Where the whole process stood
    still for `frozen_after_s` seconds (a suspended machine, a stopped container), or its event loop alone, which sends
    the heartbeats (see `beats`), the group may have given its partitions to another: it ends before it publishes what
    that one did.
    """

    def __init__(
        self,
        progress: Callable[[], Progress],
        stall_after_s: float,
        *,
        frozen_after_s: float = inf,
        report: Callable[[Progress], None] = lambda _: None,
        give_up: Callable[[], object] = _exit,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._progress = progress
        self._stall_after_s = stall_after_s
        self._frozen_after_s = frozen_after_s
        self._report = report
        self._give_up = give_up
        self._clock = clock
        self._seen = (-1, False)
        self._moved_at = self._looked_at = clock()
        self._beat_at = inf
        self._slept = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weir-watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def check(self) -> bool:
        """One look; False when the worker is stalled and was given up."""
        now = self._clock()
        if self.has_slept():
            log.critical(
                "the process or its loop stood still for more than %.1f s: another may have its partitions",
                self._frozen_after_s,
            )
            self._give_up()
            return False
        self._looked_at = now
        progress = self._progress()
        self._report(progress)
        if self._moves(progress):
            self._moved_at = now
        patience = max(self._stall_after_s, REBALANCE_S) if progress.rebalancing else self._stall_after_s
        if now - self._moved_at <= patience:
            return True
        log.critical("stalled for %.0f s: %s", now - self._moved_at, progress)
        self._give_up()
        return False

    def _moves(self, progress: Progress) -> bool:
        seen, self._seen = self._seen, (progress.position, progress.rebalancing)
        idle = progress.unread == progress.unfinished == 0 and not progress.rebalancing
        return self._seen != seen or idle or progress.excused

    def has_slept(self) -> bool:
        """Whether the process, or its event loop, has stood still: the next look ends it, whatever moves since."""
        now = self._clock()
        self._slept = self._slept or max(now - self._looked_at, now - self._beat_at) > self._frozen_after_s
        return self._slept

    def beat(self) -> None:
        """The event loop runs."""
        self.has_slept()
        self._beat_at = self._clock()

    async def beats(self) -> None:
        """Beat until cancelled: from then on the loop is not judged, as who leaves a group takes its time."""
        try:
            while True:
                self.beat()
                await asyncio.sleep(BEAT_S)
        finally:
            self._beat_at = inf

    def _run(self) -> None:
        interval = min(1.0, self._stall_after_s / 4)
        while not self._stopping.wait(interval) and self.check():
            pass


@dataclass(frozen=True, slots=True)
class Awake:
    """A sender that publishes nothing after a sleep: the loop may wake before the watchdog's thread does."""

    sender: Sender
    watchdog: Watchdog

    async def feed(self, emissions: Sequence[Emission]) -> asyncio.Future[None]:
        if self.watchdog.has_slept():
            await asyncio.get_running_loop().create_future()  # never: the watchdog's next look ends the process
        return await self.sender.feed(emissions)
