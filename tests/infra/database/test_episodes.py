"""Episodes and windows as they are asked for."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from infra.database import PostgresStore
from infra.database.episodes import Wanted, episode_steps, last_windows, latest_episodes
from schemas.drift_events import DriftEvent
from schemas.stored import Position, StoredEvent
from streams.stored_drift import StoredDrift
from tests.infra.database.rows import MOMENT
from tests.infra.database.told import step, window


@pytest.fixture
def model(unique: Callable[..., str]) -> str:
    return unique("model")


@pytest.fixture
async def episodes(engine: Engine, topic: str, model: str) -> dict[str, list[DriftEvent]]:
    """Two that go on and one that is over; steps of theirs have the same moment, or the same count of windows."""
    ids = {name: str(uuid4()) for name in ("plain", "worse", "over")}
    told = {
        "plain": [step(ids["plain"], minute=1, model=model, feature="orders")],
        "worse": [
            step(ids["worse"], minute=2, model=model),
            step(ids["worse"], "worsened", 3, model=model),
            step(ids["worse"], "worsened", 4, model=model),
            step(ids["worse"], "worsened", 5, 2, model=model),
            step(ids["worse"], "worsened", 5, 3, model=model, severity="critical"),
        ],
        "over": [
            step(ids["over"], minute=3, model=model, model_version="v2"),
            step(ids["over"], "resolved", 3, model=model, model_version="v2"),
        ],
    }
    await save(engine, topic, [event for steps in told.values() for event in reversed(steps)])
    return told


async def save(engine: Engine, topic: str, events: Sequence[StoredEvent]) -> None:
    store = PostgresStore(engine, {topic: topic})
    assert await store.save_events(events, [Position(topic, 0, len(events))]) == []


def asked(engine: Engine, model: str, **wanted: object) -> list[DriftEvent]:
    with engine.connect() as connection:
        return latest_episodes(connection, Wanted(model, **wanted))  # type: ignore[arg-type]


@pytest.mark.contract("D3")
def test_an_episode_is_its_last_step_whatever_its_clock_says_and_the_newest_comes_first(
    engine: Engine, model: str, episodes: dict[str, list[DriftEvent]]
) -> None:
    assert asked(engine, model) == [episodes["worse"][-1], episodes["over"][-1], episodes["plain"][-1]]


@pytest.mark.contract("D3")
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"is_open": True}, ["worse", "plain"]),
        ({"is_open": False}, ["over"]),
        ({"version": "v1"}, ["worse", "plain"]),
        ({"feature": "orders"}, ["plain"]),
        ({"since": MOMENT + timedelta(minutes=3)}, ["worse", "over"]),
        ({"limit": 1}, ["worse"]),
        ({"limit": 1, "is_open": False}, ["over"]),
        ({"version": "v9"}, []),
    ],
)
def test_episodes_are_filtered(
    engine: Engine, model: str, episodes: dict[str, list[DriftEvent]], wanted: dict[str, object], found: list[str]
) -> None:
    assert asked(engine, model, **wanted) == [episodes[name][-1] for name in found]


@pytest.mark.contract("D3")
def test_an_episode_is_told_whole_and_in_order(engine: Engine, episodes: dict[str, list[DriftEvent]]) -> None:
    with engine.connect() as connection:
        assert [episode_steps(connection, steps[0].event_id) for steps in episodes.values()] == list(episodes.values())
        assert episode_steps(connection, "none") == []


@pytest.mark.contract("D1")
async def test_the_last_window_of_each_version_is_found(engine: Engine, topic: str, model: str) -> None:
    first, drifted = window("0@7", model=model), window("0@9", 5, drift=True, model=model)
    other = window("1@2", 1, model=model, model_version="v2", outcome="no_reference", features=())
    elsewhere = window("0@7", 9, model=f"{model}2")
    await save(engine, topic, [drifted, first, other, elsewhere])
    with engine.connect() as connection:
        assert last_windows(connection, model, None) == [drifted, other]
        assert last_windows(connection, model, "v2") == [other]
        assert [one for one in last_windows(connection, None, None) if one.model.startswith(model)] == [
            elsewhere, drifted, other,
        ]  # fmt: skip


async def test_what_is_stored_is_read_in_threads(
    engine: Engine, model: str, episodes: dict[str, list[DriftEvent]]
) -> None:
    stored = StoredDrift(engine)
    assert (await stored.latest(Wanted(model, limit=1)))[0] == episodes["worse"][-1:]
    assert await stored.steps(episodes["over"][0].event_id) == episodes["over"]
