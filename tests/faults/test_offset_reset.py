"""The scorer's group is taken back to the beginning: every request ends again, as it did at first (R6, B7)."""

import pytest
import redis

from tests.e2e.cases import Customers
from tests.e2e.groups import rewind
from tests.e2e.platform import Platform
from tests.faults import ledger as books
from tests.faults.load import Load
from tests.faults.test_kills import BURST, make_keys

pytestmark = pytest.mark.real_broker

TOTAL, LOAD_S = 2000, 2.0


@pytest.mark.timeout(180)
@pytest.mark.contract("R6", "B7")
def test_a_group_taken_back_to_the_beginning_ends_every_request_as_at_first(
    platform: Platform, customers: Customers, redis_url: str, seed: int
) -> None:
    print(f"seed {seed}")
    keys = make_keys(platform)
    load = Load(platform, keys, customers, seed, held_back=0)
    results = platform.tap("prediction-results")
    [first] = platform.up("scorer")
    load.run(TOTAL, LOAD_S).join(60)
    platform.settle("scorer", wait_s=60)
    first.stop()
    ended = len(results.to_end())
    group, requests = platform.topic("scorer"), platform.topic("prediction-requests")
    rewind(platform.bootstrap, group, requests, list(platform.tap("prediction-requests").ends()))
    platform.up("scorer")
    platform.settle("scorer", wait_s=60)
    ledger = books.Ledger()
    ends = books.check_events(ledger, load.asked, results.to_end())
    with redis.Redis.from_url(redis_url) as client:
        bursts = {keys[name].key_id: BURST for name in ("first", "second", "third")}
        books.check_charges(ledger, load.asked, ends, client, platform.settings.bucket_prefix, bursts)
    print(ledger)
    assert {name: found[:3] for name, found in ledger.wrong.items() if found} == {}
    assert (ended, ledger.repeated) == (sum(item.copies for item in load.asked), ended)
    assert ledger.statuses["rate_limited"] > TOTAL / 50
