"""The monitor's second stage: windows are judged once, whatever is repeated, and a drift has one life."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from agents import watching
from agents.sketching import Sketching
from agents.watching import Watching, WatchOutlets
from models.drift import Rules
from schemas.drift_events import DriftEvent, read_drift
from schemas.drift_windows import DriftWindow, read_window
from schemas.errors import Unavailable
from schemas.message import Batch, Emission, Record
from schemas.sketches import Tick, encode_sketch
from tests.agents.watched import (
    NOON_MS,
    OUTLIERS,
    SKETCHES,
    SLOT_MS,
    TOPIC,
    FakeMonitorCounters,
    FakeReferences,
    answer,
    batch,
    features,
    result,
    stage,
    watched,
)

VERSIONS = {("m", "v1"): watched(1, 5000), ("m", "v2"): watched(2, 5000)}
EVENTS, WINDOWS, STATES = "drift-events", "drift-windows", "monitor-state"
RULES = Rules(window_rows=200)


@dataclass
class FakeStates:
    """What was saved and delivered, by key."""

    saved: dict[bytes, bytes] = field(default_factory=dict)

    async def __call__(self) -> dict[bytes, bytes]:
        return dict(self.saved)


@dataclass
class Told:
    """What consumers of the monitor's topics have seen."""

    events: list[DriftEvent] = field(default_factory=list)
    windows: list[DriftWindow] = field(default_factory=list)

    def hear(self, emissions: Sequence[Emission], states: FakeStates) -> None:
        for emission in emissions:
            if emission.topic == STATES:
                assert emission.key is not None
                states.saved[emission.key] = emission.value
            elif emission.topic == EVENTS:
                self.events.append(read_drift(emission.value))
            else:
                self.windows.append(read_window(emission.value))


def monitor(states: FakeStates, counters: FakeMonitorCounters | None = None, window_ms: int = 30_000) -> Watching:
    outlets = WatchOutlets(EVENTS, WINDOWS, STATES, OUTLIERS)
    counted = counters or FakeMonitorCounters()
    return Watching(FakeReferences(VERSIONS), states, counted, RULES, window_ms, SLOT_MS, outlets)


def tick(at_ms: int) -> Emission:
    return Emission(SKETCHES, None, encode_sketch(Tick(at_ms)))


def log_of(emissions: Sequence[Emission]) -> list[Record]:
    return [Record(SKETCHES, 0, i, 0, one.key, one.value, ()) for i, one in enumerate(emissions)]


def row(random: Random, drifts: bool = False) -> dict[str, Any]:
    """As in training, or with orders that are not."""
    orders = random.randrange(10, 20) if drifts else random.randrange(20)
    known = {
        **features(random),
        "orders": orders,
        "spent": random.uniform(0, 500),
        "method": random.choice(["card", "cash"]),
    }
    return {**answer(random), "features": known}


async def sketched(
    random: Random, minutes: float, drifts: bool = False, first: int = 0, by: Sketching | None = None
) -> list[Emission]:
    """Sketches of some results, each said several times as batches are small, and some again."""
    sketching, emissions = by or stage(FakeReferences(VERSIONS)), []
    records = [
        result(
            first + i // 2,
            i % 2,
            at_ms=NOON_MS + int((first * 2 + i) * 100),
            model_version=random.choice(["v1", "v1", "v2"]),
            key_id=random.choice("ab") * 11,
            **row(random, drifts),
        )
        for i in range(int(minutes * 600))
    ]
    while records:
        size = random.randrange(1, 40)
        given, records = records[:size], records[size:]
        emissions += await sketching(batch(sorted(given, key=lambda record: record.partition)))
    again = emissions[len(emissions) // 3 : len(emissions) // 2]
    return emissions[: len(emissions) // 2] + again + emissions[len(emissions) // 2 :]


async def watch(random: Random, log: Sequence[Record], crashes: bool) -> tuple[Told, int]:
    """What is told of a log, and how often the monitor crashed, before or after what a batch led to was delivered."""
    states, told, place, deaths = FakeStates(), Told(), 0, 0
    watching = monitor(states)
    committed = 0
    while place < len(log):
        given = Batch(SKETCHES, log[place : place + random.randrange(1, 30)])
        emissions = await watching(given)
        fate = random.choice(["delivered", "lost", "uncommitted"]) if crashes and random.random() < 0.2 else ""
        if fate != "lost":
            told.hear(emissions, states)
        if fate in ("", "delivered"):
            committed = given.ends()[0]
        place += len(given.records)
        if fate:
            watching, place, deaths = monitor(states), committed, deaths + 1
    return told, deaths


def by_window(told: Told) -> dict[tuple[str, str], DriftWindow]:
    return {(window.model_version, window.window): window for window in told.windows}


@pytest.mark.no_cover
@pytest.mark.contract("D2")
@pytest.mark.parametrize("seed", range(5))
async def test_a_monitor_that_dies_again_and_again_tells_the_same_windows_and_events(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SAVED_EVERY", 10)
    random = Random(seed)
    by = stage(FakeReferences(VERSIONS))
    emissions = [*await sketched(random, 3, by=by), *await sketched(random, 3, drifts=True, first=900, by=by)]
    log = log_of(emissions)
    calm, _ = await watch(random, log, crashes=False)
    told, deaths = await watch(random, log, crashes=True)
    assert deaths > 3
    assert by_window(told) == by_window(calm)
    assert len(calm.windows) == len(by_window(calm)) >= 6
    seen = {(event.event_id, event.phase, event.timestamp): event for event in told.events}
    assert list(seen.values()) == calm.events


@pytest.mark.contract("D2")
async def test_windows_together_hold_every_row_once() -> None:
    random = Random(7)
    log = log_of([*await sketched(random, 4), tick(NOON_MS + 3_600_000)])
    told, _ = await watch(random, log, crashes=False)
    assert 2400 - 2 * 200 < sum(window.rows for window in told.windows) <= 2400


@pytest.mark.contract("D1", "D3")
async def test_a_drift_opens_with_its_feature_and_ends_once_windows_are_calm() -> None:
    random, by = Random(8), stage(FakeReferences(VERSIONS))
    parts = [await sketched(random, 2, drifts, first, by) for first, drifts in ((0, False), (600, True), (1200, False))]
    told, _ = await watch(random, log_of([one for part in parts for one in part]), crashes=False)
    events = [event for event in told.events if event.model_version == "v1"]
    assert [event.phase for event in events if event.feature == "orders"][:: len(events) - 1] == ["opened", "resolved"]
    assert {(event.feature, event.event_id) for event in events} == {("orders", events[0].event_id)}
    drifted = {window.window for window in told.windows if window.drift and window.model_version == "v1"}
    assert len(drifted) >= 2


@pytest.mark.contract("D1")
async def test_a_window_that_is_not_full_is_not_judged_and_its_fill_is_told() -> None:
    random, counters = Random(9), FakeMonitorCounters()
    few = await sketched(random, 0.1)
    watching = monitor(FakeStates(), counters)
    assert await watching(Batch(SKETCHES, log_of([*few, tick(NOON_MS + 3_600_000)]))) == []
    assert set(counters.fill) == {"v1", "v2"}
    assert sum(counters.fill.values()) * RULES.window_rows == 60


async def test_a_tick_ends_a_full_window_though_nobody_asks_any_more() -> None:
    random, states = Random(10), FakeStates()
    full = log_of([*await sketched(random, 0.9), tick(NOON_MS + 29_000 + 54_000), tick(NOON_MS + 84_001)])
    watching = monitor(states, window_ms=84_000)
    assert await watching(Batch(SKETCHES, full[:-1])) == []
    told = Told()
    told.hear(await watching(Batch(SKETCHES, full[-1:])), states)
    assert [window.model_version for window in told.windows] == ["v1"]


async def test_rows_that_come_late_are_counted_and_told() -> None:
    """Those of the first minute, after a window that ended in the second."""
    random, sketching = Random(11), stage(FakeReferences(VERSIONS))

    async def asked(first: int, at_ms: int) -> list[Emission]:
        return await sketching(batch([result(first + i, at_ms=at_ms, **row(random)) for i in range(200)]))

    later, sooner = await asked(0, NOON_MS + 60_000), await asked(256, NOON_MS)
    told, _ = await watch(random, log_of([*later, tick(NOON_MS + 600_000), *sooner, tick(NOON_MS + 900_000)]), False)
    assert [(window.rows, window.late_rows) for window in told.windows] == [(200, 0), (200, 200)]
    assert [window.end - window.start for window in told.windows] == [timedelta(milliseconds=SLOT_MS)] * 2


async def test_rows_of_the_slot_in_which_a_window_ended_are_not_late() -> None:
    """A window ends with the first rows of a slot; those that follow are as new."""
    random, by = Random(20), stage(FakeReferences(VERSIONS))
    parts = [
        await by(batch([result(first + i, at_ms=NOON_MS + 30_000 + i, **row(random)) for i in range(220)]))
        for first in (0, 256)
    ]
    log = log_of([*parts[0], tick(NOON_MS + 70_000), *parts[1], tick(NOON_MS + 110_000)])
    told, _ = await watch(random, log, crashes=False)
    assert [(window.rows, window.late_rows) for window in told.windows] == [(220, 0), (220, 0)]
    assert all(window.end > window.start for window in told.windows)


async def test_a_state_is_saved_once_what_it_led_to_is_delivered() -> None:
    random, states = Random(12), FakeStates()
    log = log_of(await sketched(random, 2))
    watching, first = monitor(states), Batch(SKETCHES, log[:-1])
    emissions = await watching(first)
    assert {emission.topic for emission in emissions} == {WINDOWS}
    assert first.ends() == {0: 0}
    second = Batch(SKETCHES, log[-1:])
    assert STATES in {emission.topic for emission in await watching(second)}
    assert 0 < second.ends()[0] < len(log)


async def test_a_tick_that_ended_a_window_is_read_again_until_that_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though all the window's rows are saved: a later tick would tell it a second time, as another window."""
    monkeypatch.setattr(watching, "SAVED_EVERY", 1)
    random, states = Random(15), FakeStates()
    log = log_of([*await sketched(random, 0.9), *(tick(NOON_MS) for _ in range(2)), tick(NOON_MS + 600_000)])
    by = monitor(states, window_ms=84_000)
    Told().hear(await by(Batch(SKETCHES, log[:-2])), states)
    Told().hear(await by(Batch(SKETCHES, log[-2:-1])), states)
    ending = Batch(SKETCHES, log[-1:])
    assert {emission.topic for emission in await by(ending)} >= {WINDOWS}
    assert ending.ends() == {0: len(log) - 1}


async def test_a_batch_that_failed_is_counted_once_when_it_is_asked_again() -> None:
    random, states = Random(13), FakeStates()
    log = log_of(await sketched(random, 0.25))
    counters = FakeMonitorCounters()
    watching = monitor(states, counters)
    watching.references = FakeReferences(VERSIONS, [Unavailable("model store", "away")])
    with pytest.raises(Unavailable):
        await watching(Batch(SKETCHES, log))
    await watching(Batch(SKETCHES, log))
    assert sum(counters.fill.values()) * RULES.window_rows == 150


async def test_an_operator_may_have_results_read_from_within_a_place() -> None:
    """Offsets that are set to any number: what is read again then counts again, and the monitor goes on."""
    random, counters = Random(14), FakeMonitorCounters()
    records = [result(i, model_version="v1", **row(random)) for i in range(150)]
    first, second = stage(FakeReferences(VERSIONS)), stage(FakeReferences(VERSIONS))
    emissions = [*await first(batch(records[:100])), *await second(batch(records[80:]))]
    assert await monitor(FakeStates(), counters)(Batch(SKETCHES, log_of(emissions))) == []
    assert counters.fill["v1"] * RULES.window_rows == 170


async def test_features_that_answers_hang_on_weigh_more() -> None:
    random, by = Random(15), stage(FakeReferences(VERSIONS))
    log = log_of([*await sketched(random, 1.5, drifts=True, by=by), tick(NOON_MS + 3_600_000)])
    weights = {}
    for importance in (None, {"orders": 0.01, "spent": 0.99, "method": 0.0}):
        watching, told, states = monitor(FakeStates()), Told(), FakeStates()
        weighed = {version: replace(known, importance=importance) for version, known in VERSIONS.items()}
        watching.references = FakeReferences(weighed)
        told.hear(await watching(Batch(SKETCHES, log)), states)
        [event] = [event for event in told.events if event.model_version == "v1"]
        weights[importance is not None] = [each.feature for each in event.drift_result.top_features]
    assert (weights[False][0], weights[True]) == ("orders", ["spent", "orders"])


@pytest.mark.contract("D2")
@pytest.mark.parametrize("known", [1, 100])
async def test_rows_behind_a_log_that_was_cut_within_a_place_count_beside_those_before(known: int) -> None:
    """Those before were counted, and are gone: the place is read again from its first row that is left."""
    random = Random(16)
    alike = row(random)
    before, since = ([result(i, **alike) for i in range(*span)] for span in ((0, known), (known, 256)))
    emissions = [one for part in (before, since) for one in await stage(FakeReferences(VERSIONS))(batch(part))]
    told, _ = await watch(random, log_of([*emissions, tick(NOON_MS + 600_000)]), crashes=False)
    assert [window.rows for window in told.windows] == [256]


@pytest.mark.contract("D2")
async def test_results_of_a_topic_that_was_made_anew_are_counted() -> None:
    random, emissions = Random(17), []
    for log in ("first", "second"):
        by = replace(stage(FakeReferences(VERSIONS)), logs={TOPIC: log})
        emissions += await by(batch([result(i, **row(random)) for i in range(240)]))
        emissions.append(tick(NOON_MS + 600_000))
    told, _ = await watch(random, log_of(emissions), crashes=False)
    assert [window.rows for window in told.windows] == [240, 240]


@pytest.mark.contract("D2")
@pytest.mark.parametrize(("log", "partition"), [("another", 0), ("", 1)])
async def test_sketches_of_a_topic_made_anew_or_of_another_partition_are_counted(log: str, partition: int) -> None:
    """Whose offsets are below the one that was saved."""
    random, states, by = Random(18), FakeStates(), stage(FakeReferences(VERSIONS))
    first = log_of(await sketched(random, 2, by=by))
    await watch_on(monitor(states), first, states)
    later = log_of([*await sketched(random, 1, first=600, by=by), tick(NOON_MS + 600_000)])
    again = replace(monitor(states), log=log)
    told = await watch_on(again, [record._replace(partition=partition) for record in later], states)
    assert {window.model_version for window in told.windows} == {"v1", "v2"}


async def watch_on(by: Watching, log: Sequence[Record], states: FakeStates) -> Told:
    """What is told of a log in two batches, of which the second saves what the first led to."""
    told = Told()
    for part in (log[:-1], log[-1:]):
        told.hear(await by(Batch(SKETCHES, part)), states)
    return told


async def test_a_clock_that_was_ahead_keeps_no_window_waiting() -> None:
    random, by = Random(19), stage(FakeReferences(VERSIONS))
    ahead_ms = NOON_MS + 1_000_000_000
    odd = await by(batch([result(i, at_ms=ahead_ms, **row(random)) for i in range(240)]))
    more = await by(batch([result(256 + i, at_ms=NOON_MS + 60_000, **row(random)) for i in range(240)]))
    log = log_of([*odd, tick(NOON_MS + 50_000), tick(NOON_MS + 90_000), *more, tick(NOON_MS + 200_000)])
    told, _ = await watch(random, log, crashes=False)
    assert [window.rows for window in told.windows] == [240, 240]
    assert told.windows[-1].end.timestamp() * 1000 < NOON_MS + 200_000
