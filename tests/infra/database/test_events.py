"""What the monitor tells, through the sink's stage into its tables."""

import json
from collections.abc import Callable, Sequence
from typing import Any, get_args
from uuid import uuid4

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from agents.persist_events import Read, persist_events
from infra.database import PostgresStore
from infra.database.events import encode_event
from schemas.drift_events import Bin, Cause, Phase, Severity, Subject, read_drift
from schemas.drift_windows import read_window
from schemas.message import Batch, Record
from schemas.outlier_events import read_outlier
from tests.agents.scorer import FakeCounters
from tests.infra.database.rows import MOMENT, stored
from tests.infra.database.told import CASE, outlier, rate, step, window


async def save(engine: Engine, topic: str, read: Read, values: Sequence[Any], first: int = 0) -> list[Any]:
    """The bodies of the dead letters."""
    bodies = [value if isinstance(value, bytes) else encode_event(value) for value in values]
    records = [Record(topic, 0, first + place, 0, b"m", body, ()) for place, body in enumerate(bodies)]
    store, counters = PostgresStore(engine, {topic: topic}), FakeCounters()
    batch = Batch(topic, records)
    letters = await persist_events(batch, read=read, store=store, counters=counters, dead_letters="dead")
    return [json.loads(letter.value) for letter in letters]


def steps_of(engine: Engine, event_id: str, columns: str = "phase, windows") -> list[Any]:
    query = f"SELECT {columns} FROM drift_events WHERE event_id = :id ORDER BY windows, phase"
    return stored(engine, query, id=event_id)


@pytest.fixture
def event_id() -> str:
    return str(uuid4())


@pytest.mark.contract("D3", "F3")
async def test_each_step_of_an_episode_is_one_row_however_often_it_comes(
    engine: Engine, topic: str, event_id: str
) -> None:
    steps = [step(event_id), step(event_id, "worsened", 5, 3, severity="critical", cause="broad_shift")]
    last = step(event_id, "resolved", 9, 3)
    assert await save(engine, topic, read_drift, [*steps, steps[0]]) == []
    assert await save(engine, topic, read_drift, [*steps, last], first=1) == []
    assert steps_of(engine, event_id) == [("opened", 1), ("resolved", 3), ("worsened", 3)]
    [(result, cause, seen)] = steps_of(engine, event_id, "drift_result, cause, first_seen")[2:]
    assert (result, cause) == (json.loads(encode_event(CASE)), "broad_shift")
    assert seen == steps[1].first_seen
    assert stored(engine, "SELECT next_offset FROM sink_offsets WHERE log = :log", log=topic) == [4]


@pytest.mark.contract("D3")
async def test_two_steps_of_one_moment_are_two_rows(engine: Engine, topic: str, event_id: str) -> None:
    steps = [step(event_id, "worsened", 5, windows) for windows in (2, 3)]
    assert await save(engine, topic, read_drift, steps) == []
    assert steps_of(engine, event_id) == [("worsened", 2), ("worsened", 3)]


@pytest.mark.contract("F3")
async def test_every_kind_of_step_that_there_is_can_be_stored(engine: Engine, topic: str) -> None:
    kinds = [
        *({"phase": phase} for phase in get_args(Phase)),
        *({"severity": severity} for severity in get_args(Severity)),
        *({"subject": subject} for subject in get_args(Subject)),
        *({"cause": cause} for cause in get_args(Cause)),
    ]
    assert await save(engine, topic, read_drift, [step(str(uuid4()), **kind) for kind in kinds]) == []


@pytest.mark.contract("R9", "D3")
async def test_what_is_no_event_or_cannot_be_stored_is_a_dead_letter_and_the_others_are_stored(
    engine: Engine, topic: str, event_id: str
) -> None:
    too_many = step(event_id, "worsened", 1, 2**64)
    letters = await save(engine, topic, read_drift, [b"nonsense", b"{}", b"", too_many, step("x" * 37), step(event_id)])
    assert [letter["reason"] for letter in letters] == [
        "not_json",
        "invalid",
        "not_json",
        "not_storable",
        "not_storable",
    ]
    assert steps_of(engine, event_id) == [("opened", 1)]


async def test_a_nul_character_is_stored_as_a_replacement_character(engine: Engine, topic: str, event_id: str) -> None:
    bins = (Bin("category", 1, 2, label="a\x00b"),)
    event = step(event_id, drift_result=replace(CASE, bins=bins), feature="s\x00")
    assert await save(engine, topic, read_drift, [event]) == []
    assert steps_of(engine, event_id, "feature, drift_result #>> '{bins,0,label}'") == [("s\ufffd", "a\ufffdb")]


@pytest.mark.contract("D1")
async def test_a_window_is_one_row_with_each_of_its_features(
    engine: Engine, topic: str, unique: Callable[..., str]
) -> None:
    model = unique("model")
    calm, none = window("0@7", model=model), window("0@9", 5, model=model, outcome="no_reference", features=())
    assert [letter["reason"] for letter in await save(engine, topic, read_window, [calm, none, calm, b"[]"])] == [
        "invalid"
    ]
    query = 'SELECT "window", outcome, "rows", features FROM drift_windows WHERE model = :model ORDER BY "end"'
    [first, second] = stored(engine, query, model=model)
    assert first[:3] == ("0@7", "tested", 1000)
    assert first[3] == json.loads(encode_event(calm))["features"]
    assert second == ("0@9", "no_reference", 1000, [])


@pytest.mark.contract("D4", "F3")
async def test_outliers_and_their_rates_are_rows_of_one_table(engine: Engine, topic: str, event_id: str) -> None:
    other = str(uuid4())
    assert await save(engine, topic, read_outlier, [outlier(event_id), rate(other), outlier(event_id)]) == []
    query = """
        SELECT event_type, request_id, "row", severity, outlier_result ->> 'score', rate_result ->> 'outliers',
            timestamp
        FROM outlier_events WHERE event_id = ANY(:ids) ORDER BY event_type
    """
    assert stored(engine, query, ids=[event_id, other]) == [
        ("outlier_rate_high", None, None, "warning", None, "90", MOMENT),
        ("outliers_detected", "r-1", 0, "info", "0.8", None, MOMENT),
    ]
