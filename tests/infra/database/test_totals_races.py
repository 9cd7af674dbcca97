"""A truth and a copy that come at once are counted together, once, whichever commits first."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import Engine

from infra.database import FeedbackRepository, PostgresStore, create_db_session
from schemas.stored import Position
from tests.infra.database.held import blocked_or, held
from tests.infra.database.recount import check
from tests.infra.database.rows import label, prediction, shadow_row
from tests.infra.database.traffic import TOPICS

WITHIN_S = 30
Writes = Callable[[Engine, str], Coroutine[Any, Any, None]]


def store(engine: Engine, name: str) -> PostgresStore:
    return PostgresStore(engine, {topic: f"{topic}-{name}" for topic in TOPICS})


async def answer(engine: Engine, name: str) -> None:
    assert await store(engine, name).save_predictions([prediction(name, model=name)], [Position("results", 0, 1)]) == []


async def tell(engine: Engine, name: str) -> None:
    assert await store(engine, name).save_labels([label(name, 1, 0)], [Position("feedback", 0, 1)]) == []


async def tell_alone(engine: Engine, name: str) -> None:
    def update() -> None:
        with create_db_session(engine) as session:
            FeedbackRepository(session).update_feedback(request_id=name, actual_label=1)

    await asyncio.to_thread(update)


async def copy(engine: Engine, name: str) -> None:
    shadow = shadow_row(name, model=name)
    assert await store(engine, name).save_shadows([shadow], [Position("shadows", 0, 1)]) == []


@pytest.mark.contract("F1", "T2")
@pytest.mark.parametrize(
    ("before", "first", "second"),
    [
        (answer, copy, tell),
        (answer, tell, copy),
        (answer, copy, tell_alone),
        (answer, tell_alone, copy),
        (tell, copy, answer),
        (tell, answer, copy),
    ],
)
async def test_a_truth_and_a_copy_that_come_at_once_are_counted_together(
    engine: Engine, name: str, before: Writes, first: Writes, second: Writes
) -> None:
    await before(engine, name)
    with held(engine) as holder:
        earlier = asyncio.create_task(first(holder.engine, name))
        await holder.written()
        later = asyncio.create_task(second(engine, name))
        await blocked_or(later.done, engine)
        holder.let_go.set()
        await asyncio.wait_for(asyncio.gather(earlier, later), WITHIN_S)
    assert check(engine, name, 3, 3)["v2"].labels == 1


@pytest.mark.contract("R7")
async def test_an_entity_that_two_sinks_meet_at_once_is_one(engine: Engine, name: str) -> None:
    async def save(sink: Engine, partition: int) -> None:
        rows = [prediction(f"{name}-{partition}", model=name)]
        assert await store(sink, name).save_predictions(rows, [Position("results", partition, 1)]) == []

    with held(engine) as holder:
        earlier = asyncio.create_task(save(holder.engine, 0))
        await holder.written()
        later = asyncio.create_task(save(engine, 1))
        await blocked_or(later.done, engine)
        holder.let_go.set()
        await asyncio.wait_for(asyncio.gather(earlier, later), WITHIN_S)
    [counted] = check(engine, name, 3, 3).values()
    assert (counted.served, counted.entities) == (2, 1)  # type: ignore[union-attr]  # of an arm
