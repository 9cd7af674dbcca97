"""The monitor tells of each outlier once it is counted, and of windows that have too many of them."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from msgspec import msgpack

from agents.outliers import EXPLAINED, window_rate
from agents.watch import Watch, resumed
from agents.watching import Watching, WatchOutlets
from models.drift import DriftState, Rules
from schemas.alerts import alert_of
from schemas.drift_events import DriftEvent, read_drift
from schemas.message import Batch, Emission, Record
from schemas.outlier_events import OutlierEvent, OutlierRateEvent, outlier_id, read_outlier
from schemas.sketches import SKETCHED
from tests.agents.watched import (
    NOON_MS,
    OUTLIERS,
    SKETCHES,
    SLOT_MS,
    FakeMonitorCounters,
    FakeReferences,
    batch,
    cells,
    detected,
    result,
    stage,
    watched,
)

VERSION = detected()
KNOWN = {("m", "v1"): VERSION}


def row(random: Random, **more: Any) -> dict[str, Any]:
    """As in training, but for what is told."""
    known = {"orders": random.randrange(20), "spent": random.uniform(0, 500), "method": "card"}
    return {"predictions": [0.5, 0.5], "features": {**known, **more}}


def odd(random: Random) -> dict[str, Any]:
    return row(random, orders=50, spent=1000.0)


def outliers(emissions: Sequence[Emission]) -> list[OutlierEvent]:
    read = [read_outlier(emission.value) for emission in emissions if emission.topic == OUTLIERS]
    return [event for event in read if isinstance(event, OutlierEvent)]


@pytest.mark.contract("D4")
async def test_an_outlier_is_told_with_its_request_and_what_stands_out_as_it_was_scored() -> None:
    rows = [row(random := Random(1)), row(random, orders=50, spent=990.5, method="cash")]
    event = outliers(await stage(FakeReferences(KNOWN))(batch([result(3, rows=rows, entity="c-7")])))[0]
    assert (event.request_id, event.row, event.entity, event.model_version) == ("r-0-3", 1, "c-7", "v1")
    assert event.event_id == outlier_id("r-0-3", 1, "v1")
    assert event.outlier_result.score > event.outlier_result.threshold
    found = {one.feature: (one.value, one.typical) for one in event.outlier_result.features}
    assert found["spent"][0] == 990.5
    assert found["method"] == ("cash", "card")


@pytest.mark.contract("D4")
async def test_rows_as_in_training_are_told_at_the_rate_that_was_configured() -> None:
    random, counters = Random(2), FakeMonitorCounters()
    records = [result(i, **row(random)) for i in range(2000)]
    told = await stage(FakeReferences(KNOWN), counters)(batch(records))
    assert 10 <= len(outliers(told)) <= 80
    assert counters.flagged["v1"] == len(outliers(told)) == sum(said.outliers for said in cells(told))
    assert sum(said.scored for said in cells(told)) == 2000


@pytest.mark.contract("D4")
async def test_what_is_read_again_is_told_as_before_and_counted_once() -> None:
    random = Random(3)
    records = [result(i, **(odd(random) if i % 4 == 0 else row(random))) for i in range(400)]
    first = stage(FakeReferences(KNOWN))
    before = [emission for part in (records[:100], records[100:300]) for emission in await first(batch(part))]
    again = await stage(FakeReferences(KNOWN))(
        batch(records[SKETCHED:])
    )  # killed: the open place is read from its start
    whole = outliers(await stage(FakeReferences(KNOWN))(batch(records)))
    assert {event.event_id: event for event in [*outliers(before), *outliers(again)]} == {
        event.event_id: event for event in whole
    }
    last = {(said.partition, said.cell): said for said in cells([*before, *again])}
    assert sum(said.outliers for said in last.values()) == len(whole)


async def test_where_all_are_odd_the_features_of_the_first_alone_are_looked_into() -> None:
    random = Random(4)
    records = [result(i, **odd(random)) for i in range(SKETCHED + 10)]
    by = stage(FakeReferences(KNOWN))
    told = [event for part in (records[:20], records[20:]) for event in outliers(await by(batch(part)))]
    explained = [i for i, event in enumerate(told) if event.outlier_result.features]
    assert explained == [*range(EXPLAINED), *range(SKETCHED, SKETCHED + 10)]
    assert len(told) == SKETCHED + 10


@pytest.mark.parametrize("why", ["no_detector", "refused"])
async def test_without_a_detector_rows_are_counted_all_the_same_and_why_is_said(why: str) -> None:
    counters = FakeMonitorCounters()
    version = replace(watched(), undetected=why)
    told = await stage(FakeReferences({("m", "v1"): version}), counters)(batch([result(1, **odd(Random(5)))]))
    assert outliers(told) == []
    assert [said.scored for said in cells(told)] == [0]
    assert (counters.undetected, counters.rows) == ({why: 1}, {"v1": 1})


def test_a_window_s_rate_is_held_against_the_rows_that_the_threshold_was_chosen_on() -> None:
    detector = detected().detector
    assert detector is not None
    rate = window_rate(detector, (1000, 50))
    assert rate is not None
    assert (rate.chosen_on, rate.outliers) == (detector.said.rows, 50)
    assert rate.chosen_on is not None


async def monitored(shares: Sequence[float], deaths: Sequence[int] = ()) -> list[Emission]:
    """What a watch tells of windows of 300 rows, of each of which such a share is odd.

    deaths: sketches, the last one first, before which another monitor begins with what was saved.
    """
    random, by = Random(6), stage(FakeReferences(KNOWN))
    rows = [odd(random) if random.random() < share else row(random) for share in shares for _ in range(300)]
    records = [result(i, at_ms=NOON_MS + i * 100, **one) for i, one in enumerate(rows)]
    parts = [records[i : i + 50] for i in range(0, len(records), 50)]
    said = [one for part in parts for one in await by(batch(part)) if one.topic == SKETCHES]
    log = [Record(SKETCHES, 0, i, 0, one.key, one.value, ()) for i, one in enumerate(said)]
    saved: dict[bytes, bytes] = {}
    watching, emissions, place, left = _watching(saved), [], 0, list(deaths)
    while place < len(log):
        if left and place == left[-1]:
            left.pop()
            watching, place = _watching(saved), 0
        emissions += (found := await watching(Batch(SKETCHES, log[place : place + 1])))
        saved |= {one.key: one.value for one in found if one.topic == "states" and one.key}
        place += 1
    return emissions


async def windows(share: float, deaths: Sequence[int]) -> list[OutlierRateEvent]:
    """The rates that are told, each once."""
    emissions = await monitored([share] * 3 + [0.0], deaths)
    read = {one.value: read_outlier(one.value) for one in emissions if one.topic == OUTLIERS}
    return [event for event in read.values() if isinstance(event, OutlierRateEvent)]


async def episode(shares: Sequence[float], deaths: Sequence[int] = ()) -> list[DriftEvent]:
    """The steps of the outlier rate that are told, each once."""
    told = {one.value: read_drift(one.value) for one in await monitored(shares, deaths) if one.topic == "events"}
    return [event for event in told.values() if event.subject == "outliers"]


def _watching(saved: dict[bytes, bytes]) -> Watching:
    async def states() -> dict[bytes, bytes]:
        return dict(saved)

    outlets = WatchOutlets("events", "windows", "states", OUTLIERS)
    counters, rules = FakeMonitorCounters(), Rules(window_rows=300)
    return Watching(FakeReferences(KNOWN), states, counters, rules, 0, SLOT_MS, outlets)


@pytest.mark.contract("D4")
@pytest.mark.parametrize("deaths", [[], [14, 7]])
async def test_windows_of_more_than_twice_the_contamination_are_told_and_no_others(deaths: Sequence[int]) -> None:
    assert await windows(0.0, deaths) == []
    told = await windows(0.2, deaths)
    assert len(told) == 3
    assert len({event.event_id for event in told}) == 3
    for event in told:
        found = event.rate_result
        assert found.rows == 300
        assert found.rate > 0.1
        assert found.outliers == pytest.approx(found.rate * found.rows)
        assert found.p_value < 0.001


@pytest.mark.contract("D4", "D3")
@pytest.mark.parametrize("deaths", [[], [33, 27, 20, 14, 8]])
async def test_a_rate_above_twice_the_contamination_is_an_episode_whoever_dies(deaths: Sequence[int]) -> None:
    told = await episode([0.0, 0.1, 0.12, 1.0, 0.0, 0.0, 0.0], deaths)
    assert [(event.phase, event.severity) for event in told] == [
        ("opened", "warning"),
        ("worsened", "critical"),
        ("resolved", "critical"),
    ]
    assert {(event.event_id, event.feature) for event in told} == {(told[0].event_id, "outlier rate")}
    assert [event.windows for event in told] == [1, 3, 3]
    worst = told[1].drift_result
    assert (worst.effect, worst.test, worst.current_rows, worst.reference_rows) == (1.0, "binomial", 300, 500)
    assert [(one.label, one.reference, one.current) for one in worst.bins] == [("usual", 490, 0), ("outlier", 10, 300)]
    assert len({alert_of(event).alert_id for event in told}) == 3


@pytest.mark.contract("D4")
async def test_a_state_of_a_monitor_that_knew_no_episodes_of_outliers_is_gone_on_with() -> None:
    watch = Watch(VERSION.reference, DriftState("m", "v1"), offset=7, late=3, flagged=(40, 2))
    saved = msgpack.decode(zlib.decompress(watch.saved()))
    del saved["outlying"]
    old = resumed(VERSION.reference, msgpack.encode(saved))
    assert (old.offset, old.late, old.flagged, old.outlying) == (7, 3, (40, 2), None)
