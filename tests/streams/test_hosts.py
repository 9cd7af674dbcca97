"""Both hosts as processes on the broker: every record once on a healthy run, none lost on a broken one."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import closing

import pytest

from streams.watchdog import EXIT_STALLED
from tests.kafka import Offsets, fill, make_topic, read_all, until
from tests.streams.copier import BLOCKING, KEPT
from tests.streams.place import Place

both_hosts = pytest.mark.parametrize("place", ["faust", "bare"], indirect=True)
"""Where `make test` runs the bare host too; its other variants are in `make faults`."""


@pytest.fixture(params=["faust", pytest.param("bare", marks=pytest.mark.long)])
async def place(
    request: pytest.FixtureRequest, bootstrap: str, redis_url: str, unique: Callable[..., str], tmp_path
) -> AsyncIterator[Place]:
    source, target = make_topic(bootstrap, unique("source")), make_topic(bootstrap, unique("target"))
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "REDIS_URL": redis_url,
        "SESSION_TIMEOUT_S": "6",
        "DATA_DIR": str(tmp_path),
    }
    group = unique("group")
    with closing(Offsets(bootstrap, group)) as offsets:
        place = Place(bootstrap, request.param, source, target, group, environment, tmp_path / "log", offsets)
        yield place
        print(place.log.read_text())
        for worker in place.workers:
            worker.kill()
            worker.communicate()


def numbers(count: int) -> list[bytes]:
    return [b"%d" % i for i in range(count)]


@pytest.mark.contract("R10")
@both_hosts
async def test_every_record_is_answered_once_and_committed(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 5000)
    with place.running():
        await place.until_committed(5000)
    assert Counter(place.results()) == Counter(numbers(5000))


@pytest.mark.contract("R10")
async def test_a_broker_that_takes_records_slowly_slows_the_worker_down(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 5000)
    with place.running("slow-broker"):
        await place.until_committed(5000)
    assert Counter(place.results()) == Counter(numbers(5000))


@pytest.mark.contract("R10")
@both_hosts
async def test_a_worker_told_to_stop_commits_what_it_answered(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 20_000)
    with place.running("slow"):
        await place.until_committed(1)
    assert len(place.results()) == await place.committed()
    with place.running():
        await place.until_committed(20_000)
    assert Counter(place.results()) == Counter(numbers(20_000))


@pytest.mark.contract("R10", "D2")
@both_hosts
async def test_a_restart_reads_again_what_a_stage_still_needs_and_no_more(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 5050)
    sent = Counter(message.partition() for message in read_all(bootstrap, place.source))
    again = sum(count % KEPT for count in sent.values())
    assert again > 0
    for start in range(2):
        with place.running("keeps"):
            await until(lambda count=5050 + start * again: len(place.results()) >= count, "all are answered")
        assert await place.committed() == 5050 - again
    assert len(place.results()) == 5050 + again


@pytest.mark.contract("R10")
@both_hosts
async def test_a_crash_acks_nothing_of_the_failed_batch(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 5000)
    assert "a bug" in await place.crash("third-batch")
    with place.running():
        await place.until_committed(5000)
    assert set(place.results()) == set(numbers(5000))


@pytest.mark.contract("R10")
@both_hosts
async def test_a_killed_worker_loses_nothing(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 20_000)
    worker = place.start("slow")
    await place.until_committed(1)
    worker.kill()
    with place.running():
        await place.until_committed(20_000)
    assert set(place.results()) == set(numbers(20_000))


@pytest.mark.contract("R9")
async def test_a_record_that_always_crashes_is_given_up_and_the_partition_goes_on(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 300)
    for _ in range(2):
        assert "poison" in await place.crash("poison")
    with place.running("poison"):
        await place.until_committed(300)
    assert set(place.results()) == set(numbers(300)) - {b"150"} | {b"given up after 3"}


async def test_a_dependency_that_is_down_is_waited_for(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 300)
    with place.running("outage"):
        await place.until_committed(300)
    assert Counter(place.results()) == Counter(numbers(300))


@pytest.mark.contract("R10")
async def test_a_worker_told_to_stop_during_an_outage_gives_up_what_waits(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 5000)
    with place.running("lasting-outage"):
        await until(lambda: "waits: postgres" in place.log.read_text(), "the wait")
    done = place.results()
    assert 0 < len(done) < 5000
    assert await place.committed() == len(done)
    with place.running():
        await place.until_committed(5000)
    assert Counter(place.results()) == Counter(numbers(5000))


async def test_a_record_that_cannot_be_delivered_ends_the_worker_unacked(place: Place, bootstrap: str) -> None:
    fill(bootstrap, place.source, 100)
    assert "too large" in await place.crash("too-large")
    assert await place.committed() == 0


@pytest.mark.real_broker
@pytest.mark.contract("R10")
@both_hosts
async def test_workers_joining_and_leaving_repeat_nothing(place: Place, bootstrap: str) -> None:
    part = 40_000
    fill(bootstrap, place.source, part)
    with place.running("slow"):
        await place.until_committed(1)
        with place.running("slow"):
            # Only now: however long the second takes to start, it joins and leaves while records flow.
            fill(bootstrap, place.source, part, lambda i: b"%d" % (part + i))
            await place.until_committed(await place.committed() + 10_000)
        await place.until_committed(2 * part, 60)
    assert Counter(place.results()) == Counter(numbers(2 * part))


@pytest.mark.real_broker
@pytest.mark.contract("R10")
async def test_a_delivery_that_fails_while_a_second_worker_joins_ends_the_first(place: Place, bootstrap: str) -> None:
    """What was delivered before is committed on the way out, so that the second begins where the first ended."""
    fill(bootstrap, place.source, 3000)
    first = place.start("undelivered")
    await place.until_committed(1)
    with place.running():
        assert "not delivered" in await place.crashes(first, 20)
        await place.until_committed(3000)
    assert Counter(place.results()) == Counter(numbers(3000))


@pytest.mark.contract("R6", "R10")
async def test_a_worker_whose_loop_was_blocked_past_its_session_publishes_nothing_more(
    place: Place, bootstrap: str
) -> None:
    blocked, half = place.start("blocks"), int(BLOCKING)
    assert blocked.stdout is not None
    fill(bootstrap, place.source, half)
    await place.until_committed(half)
    fill(bootstrap, place.source, 1, lambda _: BLOCKING)
    assert [await asyncio.to_thread(blocked.stdout.readline) for _ in range(2)] == ["ready\n", "blocks\n"]
    fill(bootstrap, place.source, half, lambda i: b"%d" % (half + 1 + i))
    with place.running():
        await place.until_committed(2 * half + 1)
        assert await asyncio.to_thread(blocked.wait, 40) == EXIT_STALLED
    assert Counter(place.results()) == Counter(numbers(2 * half + 1))
