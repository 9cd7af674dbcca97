"""A scorer that stands still past its session: its successor answers, and it ends before it answers too (R6)."""

import os
import signal

import pytest

from streams.watchdog import EXIT_STALLED
from tests.e2e.cases import Customers
from tests.e2e.platform import WAIT_S, Platform, wait_for
from tests.faults import ledger as books
from tests.faults.load import Load
from tests.faults.test_kills import make_keys, progress

pytestmark = pytest.mark.real_broker

TOTAL, LOAD_S = 10_000, 10.0
MEANWHILE = 1000


@pytest.mark.timeout(180)
@pytest.mark.contract("R6", "R10", "B7")
def test_a_scorer_that_stood_still_past_its_session_ends_and_no_request_ends_twice_otherwise(
    platform: Platform, customers: Customers, seed: int
) -> None:
    load = Load(platform, make_keys(platform), customers, seed)
    [frozen] = platform.up("scorer")
    sending = load.run(TOTAL, LOAD_S)
    wait_for(lambda: progress(platform, "scorer") > MEANWHILE, "the first scorer at work")
    os.kill(frozen.process.pid, signal.SIGSTOP)
    try:
        platform.workers.remove(frozen)
        platform.start("scorer")
        platform.wait_members("scorer", 1)
        load.release()
        sending.join(60)
        platform.settle("scorer", wait_s=60)
    finally:
        os.kill(frozen.process.pid, signal.SIGCONT)
    assert frozen.process.wait(WAIT_S) == EXIT_STALLED, frozen.log.read_text()[-2000:]
    ledger = books.Ledger()
    books.check_events(ledger, load.asked, platform.tap("prediction-results").to_end())
    print(ledger)
    assert {name: found[:3] for name, found in ledger.wrong.items() if found} == {}
    assert len(load.asked) == TOTAL
