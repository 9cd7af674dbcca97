"""SIGKILL at random while requests pour in: nothing is lost, doubled or charged twice (R10)."""

import random
import time

import pytest
import redis

from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for
from tests.e2e.upstream import Key
from tests.e2e.workers import Worker
from tests.faults import ledger as books
from tests.faults.load import Load

pytestmark = pytest.mark.real_broker

TOTAL, KILLS = 20_000, 5
LOAD_S = 30.0
BURST = 1_000_000


def make_keys(platform: Platform) -> dict[str, Key]:
    keys = {name: platform.create_key(rate_limit=1, burst=BURST) for name in ("first", "second", "third")}
    keys["small"] = platform.create_key(rate_limit=3600, burst=50)
    keys["stranger"] = Key("sk_live_" + "S" * 43, "SSSSSSSSSSS")
    return keys


def progress(platform: Platform, role: str) -> int:
    """Grows with everything that a role brings about."""
    if role == "scorer":
        return sum(platform.tap("prediction-results").ends().values())
    [[stored]] = platform.stored("SELECT coalesce(sum(next_offset), 0) FROM sink_offsets")
    return int(stored)


def kill(platform: Platform, worker: Worker, chance: random.Random) -> Worker:
    """Kills a worker at work, at a random moment of it, and starts its successor."""
    start = progress(platform, worker.role)
    wait_for(lambda: progress(platform, worker.role) > start, f"{worker.role} at work", 60)
    time.sleep(chance.uniform(0, 1.5))  # the moment is the fault: anywhere between two commits
    worker.kill()
    return platform.start(worker.role)


@pytest.mark.timeout(240)
@pytest.mark.contract("R6", "R7", "R10", "B7")
def test_five_kills_lose_double_and_overcharge_nothing(
    platform: Platform, customers: Customers, redis_url: str, seed: int
) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    keys = make_keys(platform)
    workers = {worker.role: worker for worker in platform.up("scorer", "sink")}
    load = Load(platform, keys, customers, seed)
    began = time.monotonic()
    sending = load.run(TOTAL, LOAD_S)
    victims = ["scorer", "sink", *chance.choices(["scorer", "sink"], k=KILLS - 2)]
    chance.shuffle(victims)
    for role in victims:
        assert sending.is_alive()
        workers[role] = kill(platform, workers[role], chance)
        print(f"killed {role} after {time.monotonic() - began:.1f} s")
    load.release()
    sending.join(60)
    platform.settle("scorer", wait_s=60)
    platform.settle("sink", wait_s=60)
    print(f"settled after {time.monotonic() - began:.1f} s")
    ledger, elapsed_s = books.Ledger(), time.monotonic() - began
    assert len(load.asked) == TOTAL
    ends = books.check_events(ledger, load.asked, platform.tap("prediction-results").to_end())
    rows = platform.stored('SELECT request_id, "row", status FROM prediction_feedback')
    books.check_rows(ledger, load.asked, ends, [(row[0], row[1], row[2]) for row in rows])
    bursts = {keys[name].key_id: BURST for name in ("first", "second", "third")}
    with redis.Redis.from_url(redis_url) as client:
        books.check_charges(ledger, load.asked, ends, client, platform.settings.bucket_prefix, bursts)
    books.check_dead_letters(ledger, ends, platform.tap("dead-letters").to_end())
    print(ledger)
    assert {name: found[:3] for name, found in ledger.wrong.items() if found} == {}
    assert set(ledger.statuses) == {"ok", "invalid", "expired", "unauthorized", "rate_limited", "error"}
    admitted = sum(ends[item.request_id] == "ok" for item in load.asked if item.key == keys["small"])
    assert 50 <= admitted <= 50 + elapsed_s + 1 + ledger.degraded
