"""The monitor's third stage: each answer whose truth is known counts once in one window, whatever is repeated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest

from agents import grading
from agents.grading import Grading, GradingOutlets
from models.quality import Answered, BinaryQuality, corrected, estimate
from schemas.drift_events import DriftEvent, read_drift
from schemas.errors import Unavailable
from schemas.message import Batch, Emission, Record
from schemas.performance import ModelPerformance, read_performance
from schemas.wire import encode
from tests.agents.watched import FakeMonitorCounters

TOPIC = "labelled-predictions"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = 200


@dataclass
class FakeStates:
    """What was saved and delivered; raises what it is given first."""

    saved: dict[bytes, bytes] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)

    async def __call__(self) -> dict[bytes, bytes]:
        if self.errors:
            raise self.errors.pop()
        return dict(self.saved)


def stage(states: FakeStates | None = None, counters: FakeMonitorCounters | None = None) -> Grading:
    outlets = GradingOutlets("performance", "events", "states")
    return Grading(states or FakeStates(), counters or FakeMonitorCounters(), WINDOW, outlets)


def answers(random: Random, count: int, wrong: float = 0.1, first: int = 0) -> list[dict[str, Any]]:
    """Of two versions, one of which is a challenger; so many of them wrong."""
    rows = []
    for i in range(first, first + count):
        said = random.random()
        is_wrong = random.random() < wrong
        version, role = random.choice([("v1", "served"), ("v1", "served"), ("v2", "shadow"), ("v2", "served")])
        moment = (NOON + timedelta(seconds=i)).isoformat()
        row = {"request_id": f"r-{i}", "row": 0, "entity": "c", "model": "m", "model_version": version, "role": role}
        row |= {"probability": said, "predicted": str(int(said > 0.5)), "label": int((said > 0.5) != is_wrong)}
        row |= {"former_label": None, "label_source": "crm"}
        rows.append(row | {"labelled_at": moment, "requested_at": moment, "scored_at": moment})
    return rows


def log_of(random: Random, rows: Sequence[dict[str, Any]], repeats: bool) -> list[Record]:
    """As the relay sends them: numbered by version, some again as they were, some in another order."""
    numbers: dict[str, int] = {}
    numbered = []
    for row in rows:
        numbers[row["model_version"]] = number = numbers.get(row["model_version"], 0) + 1
        numbered.append(encode({"series": "s", "number": number, **row, "schema_version": 1}))
    sent: list[bytes] = []
    while numbered:
        part, numbered = numbered[:50], numbered[50:]
        if repeats and random.random() < 0.3:
            sent += part[random.randrange(50) :]  # as if those before were lost in an outage
            sent += sent[-random.randrange(1, 100) :]
        sent += part
    return [Record(TOPIC, 0, offset, 0, b"c", value, ()) for offset, value in enumerate(sent)]


async def graded(random: Random, log: Sequence[Record], crashes: bool, states: FakeStates) -> list[Emission]:
    """All that is delivered of a monitor that gets batches of any size; where it crashes another goes on."""
    by, place, committed, told = stage(states), 0, 0, []
    while place < len(log):
        given = Batch(TOPIC, log[place : place + random.randrange(1, 120)])
        emissions = await by(given)
        if crashes and random.random() < 0.3:  # some is delivered, and nothing is committed
            _deliver(states, told, [one for one in emissions if random.random() < 0.5])
            by, place = stage(states), committed
            continue
        _deliver(states, told, emissions)
        place += len(given.records)
        committed = given.ends()[0]
    return told


def _deliver(states: FakeStates, told: list[Emission], emissions: Sequence[Emission]) -> None:
    for emission in emissions:
        if emission.topic == "states":
            states.saved[emission.key or b""] = emission.value
        else:
            told.append(emission)


def performances(told: Sequence[Emission]) -> dict[tuple[str, str, str], ModelPerformance]:
    read = [read_performance(one.value) for one in told if one.topic == "performance"]
    return {(one.model_version, one.role, one.window): one for one in read}


def drifts(told: Sequence[Emission]) -> list[DriftEvent]:
    return [read_drift(value) for value in sorted({one.value for one in told if one.topic == "events"}, key=_order)]


def _order(value: bytes) -> tuple[str, datetime]:
    event = read_drift(value)
    return event.event_id, event.timestamp


@pytest.mark.no_cover
@pytest.mark.contract("D5")
@pytest.mark.parametrize("seed", range(6))
async def test_windows_are_the_same_however_batches_are_cut_repeated_and_monitors_killed(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grading, "SAVED_EVERY", 70)
    rows = [*answers(Random(seed), 900), *answers(Random(seed), 900, 0.5, 900)]
    whole = await stage()(Batch(TOPIC, log_of(Random(seed), rows, repeats=False)))
    log = log_of(Random(seed), rows, repeats=False)
    found = await graded(Random(seed), log, crashes=True, states=FakeStates())
    assert performances(found) == performances(whole)
    assert {event.event_id for event in drifts(whole)}
    assert drifts(found) == drifts(whole)


@pytest.mark.no_cover
@pytest.mark.contract("D5")
@pytest.mark.parametrize("seed", range(6))
async def test_what_a_killed_sender_sends_again_counts_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "SAVED_EVERY", 70)
    random, counters = Random(seed), FakeMonitorCounters()
    rows = answers(random, 1500)
    log = log_of(random, rows, repeats=True)
    assert len(log) > 1500
    await stage(FakeStates(), counters)(Batch(TOPIC, log))
    assert sum(counters.rows.values()) == 1500
    assert counters.lost["repeated"] == len(log) - 1500
    found = performances(await graded(Random(seed), log, crashes=True, states=FakeStates()))
    assert found == performances(await stage()(Batch(TOPIC, log)))


@pytest.mark.contract("D5")
async def test_a_window_has_the_measures_of_its_rows_for_champions_and_challengers() -> None:
    rows = answers(Random(1), 2000)
    told = performances(await stage()(Batch(TOPIC, log_of(Random(1), rows, repeats=False))))
    assert {key[:2] for key in told} == {("v1", "served"), ("v2", "served"), ("v2", "shadow")}
    for version, role in (("v1", "served"), ("v2", "shadow")):
        of = [row for row in rows if (row["model_version"], row["role"]) == (version, role)][:WINDOW]
        first = min((one for one in told.values() if (one.model_version, one.role) == (version, role)), key=_start)
        scores = np.array([row["probability"] for row in of])
        expected = BinaryQuality.of(scores, scores > 0.5, np.array([row["label"] for row in of])).measures()
        assert (first.rows, first.measures, first.estimated) == (WINDOW, expected.values, False)
        before = estimate(Answered.of(scores, scores > 0.5))
        assert first.corrections == corrected(before, expected) != {}
        assert first.start.isoformat() == of[0]["scored_at"]
        assert first.end.isoformat() == of[-1]["scored_at"]
        assert {
            "accuracy",
            "precision",
            "recall",
            "f1",
            "roc_auc",
            "log_loss",
            "calibration_error",
        } <= expected.values.keys()


def _start(one: ModelPerformance) -> datetime:
    return one.start


@pytest.mark.contract("D5", "D3")
async def test_errors_that_become_more_are_one_episode_that_ends_with_them() -> None:
    random = Random(2)
    rows = [*answers(random, 3000, 0.1), *answers(random, 3000, 0.5, 3000), *answers(random, 4000, 0.1, 6000)]
    rows = [row | {"model_version": "v1", "role": "served"} for row in rows]
    events = drifts(await stage()(Batch(TOPIC, log_of(random, rows, repeats=False))))
    assert len({event.event_id for event in events}) == 1
    opened, resolved = events[0], events[-1]
    assert (opened.phase, resolved.phase) == ("opened", "resolved")
    assert (opened.subject, opened.feature, opened.severity) == ("concept", "error (served)", "critical")
    assert NOON + timedelta(seconds=2900) <= opened.first_seen <= NOON + timedelta(seconds=3100)
    assert NOON + timedelta(seconds=3000) < opened.timestamp < NOON + timedelta(seconds=3300)
    assert resolved.timestamp < NOON + timedelta(seconds=6700)
    assert opened.drift_result.effect > 0.2


async def test_without_a_change_there_is_no_event() -> None:
    rows = [row | {"model_version": "v1", "role": "served"} for row in answers(Random(3), 5000)]
    assert drifts(await stage()(Batch(TOPIC, log_of(Random(3), rows, repeats=False)))) == []


async def test_truths_that_were_revised_and_what_cannot_be_read_count_in_no_window() -> None:
    counters = FakeMonitorCounters()
    rows = [row | {"model_version": "v1", "role": "served"} for row in answers(Random(4), WINDOW)]
    rows[3:3] = [rows[0] | {"former_label": rows[0]["label"], "label": 1 - rows[0]["label"]}]
    log = [*log_of(Random(4), rows, repeats=False), Record(TOPIC, 0, WINDOW + 1, 0, b"c", b"{}", ())]
    [window] = performances(await stage(counters=counters)(Batch(TOPIC, log))).values()
    assert (window.rows, window.revised) == (WINDOW, 1)
    assert counters.lost == {"revised": 1, "not_a_labelled_prediction": 1}


async def test_a_window_of_one_class_or_of_unusable_answers_says_why_it_has_no_measure() -> None:
    rows = [row | {"model_version": "v1", "role": "served", "label": 1} for row in answers(Random(5), 2 * WINDOW)]
    rows = [*rows[:WINDOW], *(row | {"predicted": "yes"} for row in rows[WINDOW:])]
    one_class, unusable = performances(await stage()(Batch(TOPIC, log_of(Random(5), rows, repeats=False)))).values()
    assert one_class.missing["roc_auc"] == "one_class"
    assert (unusable.rows, unusable.unusable, unusable.missing["accuracy"]) == (0, WINDOW, "empty_window")


async def test_a_batch_that_is_asked_again_as_states_are_not_to_be_had_counts_once() -> None:
    counters, states = FakeMonitorCounters(), FakeStates(errors=[Unavailable("kafka", "is away")])
    by, batch = stage(states, counters), Batch(TOPIC, log_of(Random(6), answers(Random(6), 300), repeats=False))
    with pytest.raises(Unavailable):
        await by(batch)
    await by(batch)
    assert sum(counters.rows.values()) == 300


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x85", b"\xc1"])
async def test_a_state_that_cannot_be_read_has_its_version_begin_anew(content: bytes) -> None:
    rows = [row | {"model_version": "v1", "role": "served"} for row in answers(Random(7), WINDOW)]
    by = stage(FakeStates({b"quality:m/v1": content}))
    assert len(performances(await by(Batch(TOPIC, log_of(Random(7), rows, repeats=False))))) == 1


async def test_a_window_that_was_saved_with_more_rows_than_one_has_now_ends_with_the_next_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grading, "SAVED_EVERY", WINDOW)
    states = FakeStates()
    rows = [row | {"model_version": "v1", "role": "served"} for row in answers(Random(8), 2 * WINDOW)]
    log = log_of(Random(8), rows, repeats=False)
    longer = Grading(states, FakeMonitorCounters(), 10 * WINDOW, GradingOutlets("performance", "events", "states"))
    await longer(Batch(TOPIC, log[: WINDOW + 7]))
    _deliver(states, [], await longer(Batch(TOPIC, log[WINDOW + 7 : WINDOW + 8])))
    found = performances(await stage(states)(Batch(TOPIC, log[WINDOW + 7 :])))
    assert [one.rows for one in found.values()] == [WINDOW + 8]
