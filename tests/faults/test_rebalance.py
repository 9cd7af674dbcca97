"""A second scorer joins and leaves in the middle of the load: nobody answers twice (R10)."""

import pytest

from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for
from tests.faults import ledger as books
from tests.faults.load import Load
from tests.faults.test_kills import make_keys, progress

pytestmark = pytest.mark.real_broker

TOTAL, LOAD_S = 10_000, 10.0
MEANWHILE = 1000
"""Results that must come while both work."""
HALF = 25
"""Chunks of requests that are sent once both are there, so that many are left when the second leaves."""


@pytest.mark.timeout(180)
@pytest.mark.contract("R6", "R10")
def test_a_scorer_that_joins_and_leaves_repeats_and_loses_nothing(
    platform: Platform, customers: Customers, seed: int
) -> None:
    load = Load(platform, make_keys(platform), customers, seed, held_back=HALF)
    platform.up("scorer")
    sending = load.run(TOTAL, LOAD_S)
    wait_for(lambda: progress(platform, "scorer") > MEANWHILE, "the first scorer at work")
    second = platform.start("scorer")
    platform.wait_members("scorer", 2)
    joined_at = progress(platform, "scorer")
    load.release()
    wait_for(lambda: progress(platform, "scorer") > joined_at + MEANWHILE, "both at work")
    second.stop()
    sending.join(60)
    platform.settle("scorer", wait_s=60)
    platform.wait_members("scorer", 1)
    ledger = books.Ledger()
    books.check_events(ledger, load.asked, platform.tap("prediction-results").to_end())
    print(ledger)
    assert {name: found[:3] for name, found in ledger.wrong.items() if found} == {}
    assert (ledger.repeated, len(load.asked)) == (0, TOTAL)
