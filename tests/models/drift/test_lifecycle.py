"""Episodes: they open, get worse and end; replayed, they are the same ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec import json
from msgspec.structs import replace as replace_struct

from models.drift import DriftState, Reference, Rules, Sketch, Verdict, Window, advance, judge, reference_of, resumed
from models.profile import reference_profile
from models.signature import Feature, Signature
from schemas.drift_events import DriftEvent, encode_drift, read_drift
from schemas.errors import Undecodable
from tests.models.drift.worlds import reference, sketched

RANDOM = np.random.default_rng(15)
KNOWN = reference("float", RANDOM.normal(size=5000).astype(np.float32), scores=np.linspace(0, 1, 5000))
RULES = Rules(window_rows=500)
BEGIN = datetime(2026, 11, 27, 8, tzinfo=UTC)
FRESH = DriftState("churn", "v1")


def window(number: int) -> Window:
    start = BEGIN + timedelta(minutes=number)
    return Window(f"w{number}", start, start + timedelta(minutes=1))


def verdict(shift: float, answers: float = 0.0, rows: int = 1000) -> Verdict:
    """Of the same rows each time, moved."""
    random = np.random.default_rng(16)
    sketch = Sketch(KNOWN)
    values = random.normal(shift, 1, rows).astype(np.float32)
    sketch.add(values[:, None], np.clip(random.random(rows) + answers, 0, 1).astype(np.float32))
    return judge(KNOWN, sketch, RULES)


def run(
    shifts: Sequence[float], rules: Rules = RULES, state: DriftState = FRESH
) -> tuple[DriftState, list[DriftEvent]]:
    events: list[DriftEvent] = []
    for number, shift in enumerate(shifts):
        state, found = advance(state, window(number), verdict(shift), rules)
        events += found
    return state, events


def told(events: Sequence[DriftEvent]) -> list[tuple[str, int]]:
    """Phases, and the minute at which their windows ended."""
    return [(event.phase, int((event.timestamp - BEGIN).total_seconds()) // 60) for event in events]


@pytest.mark.contract("D3")
def test_a_drift_opens_gets_worse_and_is_over_under_one_id() -> None:
    state, events = run([0, 0.5, 0.5, 1.5, 1.5, 0, 0, 0])
    assert told(events) == [("opened", 2), ("worsened", 4), ("resolved", 7)]
    assert len({event.event_id for event in events}) == 1
    assert {event.first_seen for event in events} == {window(1).start}
    assert [event.event_type for event in events] == ["drift_detected", "drift_detected", "drift_resolved"]
    assert [event.severity for event in events] == ["info", "critical", "critical"]
    assert [event.windows for event in events] == [1, 3, 4]
    assert (state.episodes, state.window) == ((), "w7")


@pytest.mark.contract("D3")
def test_the_case_file_says_what_moved_by_how_much_and_how_sure_that_is() -> None:
    _, [event] = run([1.0])
    found = event.drift_result
    assert (event.model, event.model_version, event.subject, event.feature) == ("churn", "v1", "feature", "x")
    assert (found.drift_detected, found.test, found.correction, found.alpha) == (True, "ks", "bonferroni", 0.05)
    assert found.threshold == pytest.approx(0.025)
    assert found.p_value == found.smallest_p
    assert found.p_value is not None
    assert found.p_value < 1e-50
    assert found.effect == found.distance == pytest.approx(0.38, abs=0.05)
    assert set(found.distances) == {"psi", "ks", "jensen_shannon", "wasserstein"}
    assert (found.reference_rows, found.current_rows) == (5000, 1000)
    assert sum(piece.reference for piece in found.bins) == 5000
    assert sum(piece.current for piece in found.bins) == 1000
    assert found.drifted_features == ("x",)
    assert found.top_features[0].feature == "x"


@pytest.mark.contract("D3")
def test_an_event_has_the_envelope_and_comes_back_from_its_bytes() -> None:
    for event in run([1.0, 2.0, 0, 0])[1]:
        raw: dict[str, Any] = json.decode(encode_drift(event))
        assert {"event_type", "severity", "drift_result", "timestamp", "event_id"} <= raw.keys()
        assert read_drift(encode_drift(event)) == event


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"event_id": 1}', b"\xff"])
def test_what_is_no_event_is_refused(value: bytes | None) -> None:
    with pytest.raises(Undecodable, match="not a drift event"):
        read_drift(value)


@pytest.mark.contract("D3")
def test_it_takes_less_to_stay_than_to_open() -> None:
    """At 0.2 deviations 8 of 100 rows have moved: too few to open at 10, too many to be calm below 5."""
    assert verdict(0.2).drifted == ()
    assert run([0.2, 0.2, 0.2])[1] == []
    assert told(run([0.5, 0.2, 0.2, 0.2, 0.2])[1]) == [("opened", 1)]


def test_a_single_calm_window_ends_nothing_and_calm_ones_must_follow_each_other() -> None:
    assert told(run([0.5, 0, 0.5, 0, 0.2, 0, 0])[1]) == [("opened", 1), ("resolved", 7)]


def test_a_drift_that_comes_back_is_another_episode() -> None:
    events = run([0.5, 0, 0, 0.5])[1]
    assert told(events) == [("opened", 1), ("resolved", 3), ("opened", 4)]
    assert events[0].event_id == events[1].event_id != events[2].event_id


def test_several_windows_in_a_row_may_be_asked_for() -> None:
    rules = replace(RULES, open_after=3, close_after=1)
    assert told(run([0.5, 0.5, 0, 0.5, 0.5, 0.5, 0], rules)[1]) == [("opened", 6), ("resolved", 7)]
    assert run([0.5, 0.5, 0.5], rules)[1][0].first_seen == window(0).start


def test_noise_about_the_same_shift_is_never_worse() -> None:
    assert told(run([0.7, 0.8, 0.65, 0.8, 0.7, 0.82])[1]) == [("opened", 1)]


def test_what_was_told_once_is_not_told_again_after_a_step_that_was_less() -> None:
    """Of a broad shift each feature's drift gets worse, by severity, also one that moves fewer rows than before."""
    state, _ = run([0.8])
    broad = replace(verdict(0.5), features=verdict(0.5).features * 3)
    state, worse = advance(state, window(1), replace(broad, answer=None), RULES)
    assert [event.phase for event in worse][:1] == ["worsened"]
    kept = replace_struct(state, episodes=state.episodes[:1])
    assert advance(kept, window(2), verdict(0.85), RULES)[1] == []


@pytest.mark.contract("D3")
def test_more_missing_values_are_worse() -> None:
    """A fifth of the rows, then two fifths: among those that hold a value nothing moved."""
    state, told_of = FRESH, []
    for number, holes in enumerate([200, 250, 400]):
        values = np.append(np.random.default_rng(16).normal(0, 1, 1000 - holes), [np.nan] * holes)
        found = judge(KNOWN, sketched(KNOWN, values.astype(np.float32)), RULES)
        state, events = advance(state, window(number), replace(found, answer=None), RULES)
        told_of += events
    assert told(told_of) == [("opened", 1), ("worsened", 3)]
    assert resumed("churn", "v1", told_of).episodes[0].effect == pytest.approx(0.4, abs=0.001)


@pytest.mark.contract("D2")
def test_the_same_window_again_changes_nothing_and_a_replay_gives_the_same_events() -> None:
    state, events = run([0.5, 1.5])
    assert advance(state, window(1), verdict(9.0), RULES) == (state, [])
    assert run([0.5, 1.5]) == (state, events)


def test_windows_that_were_not_tested_change_nothing() -> None:
    state, _ = run([0.5])
    for untested in (verdict(0, rows=400), verdict(0, rows=0), judge(None, None, RULES)):
        assert advance(state, window(7), untested, RULES) == (state, [])


def test_predictions_have_episodes_of_their_own() -> None:
    _, events = advance(FRESH, window(0), verdict(1.0, answers=0.3), RULES)
    assert [(event.subject, event.feature) for event in events] == [("feature", "x"), ("prediction", "y_probability")]
    assert len({event.event_id for event in events}) == 2
    assert events[1].severity == "critical"


@pytest.mark.contract("D2")
@pytest.mark.parametrize("cut", range(1, 7))
def test_the_state_is_there_again_after_its_events(cut: int) -> None:
    """But for calm windows: what they were part of may end one or two later."""
    shifts = [0.5, 1.5, 0.5, 0, 0, 0.7, 0]
    state, events = run(shifts[:cut])
    again = resumed("churn", "v1", [read_drift(encode_drift(event)) for event in events])
    assert [episode.event_id for episode in again.episodes] == [episode.event_id for episode in state.episodes]
    assert [episode.severity for episode in again.episodes] == [episode.severity for episode in state.episodes]
    assert resumed("churn", "v2", events).episodes == ()
    _, rest = advance(again, window(cut), verdict(3.0), RULES)
    assert {event.event_id for event in rest} <= {event.event_id for event in events} or not state.episodes


def test_all_missing_opens_and_stays_until_values_are_back() -> None:
    state = FRESH
    phases: list[str] = []
    for number, values in enumerate([np.nan, np.nan, 0.0, 0.0]):
        sketch = Sketch(KNOWN)
        rows = np.full(1000, np.nan) if np.isnan(values) else RANDOM.normal(size=1000)
        sketch.add(rows.astype(np.float32)[:, None], RANDOM.random(1000).astype(np.float32))
        state, events = advance(state, window(number), judge(KNOWN, sketch, RULES), RULES)
        phases += [event.phase for event in events]
        for event in events:
            assert read_drift(encode_drift(event)) == event
            assert b"NaN" not in encode_drift(event)
        if number == 0:
            [opened] = events
            assert (opened.cause, opened.drift_result.p_value, opened.severity) == ("schema_change", None, "critical")
    assert phases == ["opened", "resolved"]


def several(count: int, moved: int) -> Iterator[Reference | Sketch]:
    """Of so many features, the first of them moved."""
    signature = Signature(tuple(Feature(f"f{i}", "float") for i in range(count)), "y")
    before, now = RANDOM.normal(size=(5000, count)), RANDOM.normal(size=(1000, count))
    now[:, :moved] += 0.4
    known = reference_of(signature, reference_profile(signature, before.astype(np.float32)))
    assert known is not None
    yield known
    yield sketched(known, now.astype(np.float32))


@pytest.mark.parametrize(("moved", "cause", "severity"), [(5, "broad_shift", "critical"), (4, None, "info")])
def test_half_of_the_features_at_once_are_a_broad_shift(moved: int, cause: str | None, severity: str) -> None:
    known, sketch = several(10, moved)
    assert isinstance(known, Reference)
    assert isinstance(sketch, Sketch)
    _, events = advance(FRESH, window(0), judge(known, sketch, RULES), RULES)
    assert [(event.feature, event.cause, event.severity) for event in events] == [
        (f"f{i}", cause, severity) for i in range(moved)
    ]
