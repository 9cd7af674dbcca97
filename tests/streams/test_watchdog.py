"""The watchdog: a standstill with work waiting ends the process, anything else does not."""

import asyncio
import os
import subprocess
import sys

import pytest

from schemas.message import Emission
from streams.host import Progress
from streams.watchdog import EXIT_STALLED, REBALANCE_S, Awake, Watchdog
from tests.fakes import FakeSender


class Worker:
    """Progress as the test says it, on a clock of its own."""

    FROZEN_AFTER_S = 100

    def __init__(self, stall_after_s: float = 60) -> None:
        self.now = 0.0
        self.progress = Progress(10, 5)
        self.given_up = 0
        self.reports: list[Progress] = []
        self.watchdog = Watchdog(
            lambda: self.progress,
            stall_after_s,
            frozen_after_s=self.FROZEN_AFTER_S,
            report=self.reports.append,
            give_up=self._give_up,
            clock=lambda: self.now,
        )

    def after(self, seconds: float, progress: Progress) -> bool:
        self.now += seconds
        self.progress = progress
        return self.watchdog.check()

    def _give_up(self) -> None:
        self.given_up += 1


@pytest.mark.parametrize("stuck", [Progress(10, unread=5), Progress(10, unread=0, unfinished=1)])
def test_work_that_waits_without_movement_ends_the_worker(stuck: Progress) -> None:
    worker = Worker()
    assert worker.after(0, stuck)
    assert worker.after(60, stuck)
    assert not worker.after(1, stuck)
    assert worker.given_up == 1


@pytest.mark.parametrize(
    "fine",
    [Progress(11, 5), Progress(10, unread=0), Progress(10, 5, excused=True), Progress(10, 5, rebalancing=True)],
    ids=["it moves", "nothing waits", "it is excused", "a rebalance begins"],
)
def test_a_worker_that_moves_idles_or_is_excused_goes_on(fine: Progress) -> None:
    worker = Worker()
    worker.after(0, Progress(10, 5))
    assert worker.after(61, fine)
    assert worker.given_up == 0
    assert worker.reports[-1] == fine


@pytest.mark.parametrize(
    "stuck",
    [Progress(10, 5, rebalancing=True), Progress(10, 0, 1, rebalancing=True), Progress(10, 0, rebalancing=True)],
    ids=["records wait", "a batch is unfinished", "nothing is known to wait"],
)
def test_a_rebalance_without_end_is_given_up(stuck: Progress) -> None:
    worker = Worker()
    worker.after(60, Progress(10, 5))
    assert worker.after(0, stuck)
    assert worker.after(REBALANCE_S, stuck)
    assert not worker.after(1, stuck)
    assert worker.given_up == 1


def test_a_rebalance_that_moves_or_ends_begins_the_patience_anew() -> None:
    worker = Worker()
    worker.after(0, Progress(10, 5, 1, rebalancing=True))
    assert worker.after(REBALANCE_S, Progress(10, 5, 1, rebalancing=True))
    assert worker.after(1, Progress(11, 5, rebalancing=True))
    assert worker.after(REBALANCE_S, Progress(11, 5, rebalancing=True))
    assert worker.after(1, Progress(11, 5))
    assert worker.after(60, Progress(11, 5))
    assert not worker.after(1, Progress(11, 5))


def test_a_rebalance_is_not_given_up_before_a_standstill_is() -> None:
    worker = Worker(stall_after_s=REBALANCE_S + 5)
    worker.after(0, Progress(10, 5, rebalancing=True))
    assert worker.after(REBALANCE_S + 5, Progress(10, 5, rebalancing=True))
    assert not worker.after(1, Progress(10, 5, rebalancing=True))


def test_a_process_that_stood_still_ends_before_it_goes_on_as_a_zombie() -> None:
    worker = Worker()
    assert worker.after(Worker.FROZEN_AFTER_S, Progress(11, 0))
    assert not worker.after(Worker.FROZEN_AFTER_S + 1, Progress(12, 0))
    assert worker.given_up == 1


async def test_nothing_is_published_by_a_process_that_wakes_before_its_watchdog_looks() -> None:
    worker, sender = Worker(), FakeSender()
    awake = Awake(sender, worker.watchdog)
    emission = Emission("results", None, b"{}")
    worker.now = Worker.FROZEN_AFTER_S
    await awake.feed([emission])
    worker.now += 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(awake.feed([emission]), 0.1)
    assert not worker.watchdog.check()
    assert (sender.sent, worker.given_up) == ([emission], 1)


async def test_a_loop_that_stood_still_publishes_nothing_more_whichever_of_its_tasks_runs_first() -> None:
    for beats_first in (True, False):
        worker, sender = Worker(), FakeSender()
        worker.watchdog.beat()
        for _ in range(3):  # the thread looked all the while
            worker.after(Worker.FROZEN_AFTER_S / 2, Progress(11, 5))
        if beats_first:
            worker.watchdog.beat()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Awake(sender, worker.watchdog).feed([Emission("results", None, b"{}")]), 0.1)
        assert not worker.watchdog.check()
        assert not sender.sent


async def test_a_loop_that_beats_is_awake() -> None:
    worker = Worker()
    beating = asyncio.create_task(worker.watchdog.beats())
    await asyncio.sleep(0)
    assert worker.after(Worker.FROZEN_AFTER_S, Progress(11, 5))
    assert not worker.watchdog.has_slept()
    assert not beating.done()
    beating.cancel()
    await asyncio.wait([beating])
    assert worker.after(Worker.FROZEN_AFTER_S, Progress(12, 5))
    assert worker.after(Worker.FROZEN_AFTER_S, Progress(13, 5))


def test_a_blocked_event_loop_does_not_stop_the_watchdog() -> None:
    program = (
        "import time; from streams.host import Progress; from streams.watchdog import Watchdog\n"
        "Watchdog(lambda: Progress(1, 1), 0.2).start(); time.sleep(20)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, timeout=15)
    assert done.returncode == EXIT_STALLED
    assert b"stalled" in done.stderr
