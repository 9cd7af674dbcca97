"""Two transactions at once, each caught in the act by the other."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from infra.database import FeedbackRepository, PostgresStore, create_db_engine, create_db_session
from infra.local.process import wait_until
from schemas.stored import Position, StoredPrediction
from tests.infra.database.held import WAITING, Held, blocked_or, held
from tests.infra.database.rows import label, prediction, request_rows, stored

A, B = "AAAAAAAAAAA", "BBBBBBBBBBB"
WITHIN_S = 30
Writes = Callable[[Engine, str, str], Coroutine[Any, Any, None]]


def store(engine: Engine, topic: str) -> PostgresStore:
    return PostgresStore(engine, {topic: topic, "feedback": f"{topic}-feedback"})


def request(name: str, rows: int, key_id: str = A) -> list[StoredPrediction]:
    return [prediction(name, row=row, key_id=key_id) for row in range(rows)]


async def one_by_one(
    engine: Engine, holder: Held, topic: str, first: list[StoredPrediction], second: list[StoredPrediction]
) -> list[str]:
    """Save both, the second while the first is about to commit; what became of the second."""
    earlier = asyncio.create_task(store(holder.engine, topic).save_predictions(first, [Position(topic, 0, 1)]))
    await holder.written()
    later = asyncio.create_task(store(engine, topic).save_predictions(second, [Position(topic, 1, 1)]))
    await blocked_or(later.done, engine)
    holder.let_go.set()
    done = await asyncio.wait_for(asyncio.gather(earlier, later, return_exceptions=holder.fails), WITHIN_S)
    assert done[0] == [] or holder.fails
    return [row.code for row in done[1]]


@pytest.mark.contract("R7")
@pytest.mark.parametrize(("key_id", "told"), [(A, []), (B, ["request_id_taken"])], ids=["same key", "other key"])
@pytest.mark.parametrize(("first", "second"), [(2, 5), (5, 2)])
async def test_of_two_requests_of_an_id_stored_at_once_the_first_is_stored_alone(
    engine: Engine, topic: str, name: str, first: int, second: int, key_id: str, told: list[str]
) -> None:
    with held(engine) as holder:
        requests = request(name, first), request(name, second, key_id)
        assert await one_by_one(engine, holder, topic, *requests) == told
    assert request_rows(engine, name, "row, key_id") == [(row, A) for row in range(first)]


@pytest.mark.contract("R7", "R10")
@pytest.mark.parametrize(("first", "second"), [(2, 5), (5, 2)])
async def test_where_the_first_dies_before_its_commit_the_second_is_stored_alone(
    engine: Engine, topic: str, name: str, first: int, second: int
) -> None:
    with held(engine) as holder:
        holder.fails = True
        assert await one_by_one(engine, holder, topic, request(name, first), request(name, second, B)) == []
    assert request_rows(engine, name, "row, key_id") == [(row, B) for row in range(second)]


async def test_two_sinks_with_the_same_ids_in_another_order_run_into_no_deadlock(
    engine: Engine, topic: str, name: str
) -> None:
    """A refused row makes each write its batch in parts, so that one statement's order is not all there is."""
    wrote: set[Engine] = set()

    def stand_still(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        here = connection.engine
        if "INSERT INTO prediction_feedback" in statement and here not in wrote:
            wrote.add(here)
            assert wait_until(lambda: len(wrote) == 2 or stored(engine, WAITING) != [], WITHIN_S)

    rows = [prediction(f"{name}-1"), prediction(f"{name}-2", risk_score=101.0), prediction(f"{name}-3")]
    sinks = [create_db_engine(engine.url.render_as_string(hide_password=False)) for _ in range(2)]
    for sink in sinks:
        event.listen(sink, "after_cursor_execute", stand_still)
    saving = [
        store(sink, topic).save_predictions(order, [Position(topic, partition, 1)])
        for partition, (sink, order) in enumerate(zip(sinks, [rows, rows[::-1]], strict=True))
    ]
    refused = await asyncio.wait_for(asyncio.gather(*saving), WITHIN_S)
    assert [[row.index for row in each] for each in refused] == [[1], [1]]
    assert [len(request_rows(engine, f"{name}-{number}")) for number in (1, 2, 3)] == [1, 0, 1]
    for sink in sinks:
        sink.dispose()


async def sink_prediction(engine: Engine, topic: str, name: str) -> None:
    assert await store(engine, topic).save_predictions([prediction(name)], [Position(topic, 0, 1)]) == []


async def sink_label(engine: Engine, topic: str, name: str) -> None:
    assert await store(engine, topic).save_labels([label(name, 1, 0)], [Position("feedback", 0, 1)]) == []


async def store_prediction(engine: Engine, topic: str, name: str) -> None:
    def write() -> None:
        with create_db_session(engine) as session:
            FeedbackRepository(session).store_prediction(
                request_id=name,
                features={"n": 1},
                predicted_probability=0.75,
                predicted_label=1,
                risk_score=75.0,
                model_version="v1",
            )

    await asyncio.to_thread(write)


@pytest.mark.contract("F1")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (sink_prediction, sink_label),
        (sink_label, sink_prediction),
        (store_prediction, sink_label),
        (sink_label, store_prediction),
    ],
)
async def test_a_label_and_its_prediction_that_come_at_once_find_each_other(
    engine: Engine, topic: str, name: str, first: Writes, second: Writes
) -> None:
    with held(engine) as holder:
        earlier = asyncio.create_task(first(holder.engine, topic, name))
        await holder.written()
        later = asyncio.create_task(second(engine, topic, name))
        await blocked_or(later.done, engine)
        holder.let_go.set()
        await asyncio.wait_for(asyncio.gather(earlier, later), WITHIN_S)
    assert request_rows(engine, name, "actual_label, label_source") == [(1, "crm")]
