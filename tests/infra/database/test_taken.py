"""A request id belongs to the key whose result is stored under it."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, event

from agents.persist import persist_results
from infra.database import PostgresStore
from schemas.result import result_body
from schemas.stored import Position, RefusedRow, StoredPrediction
from schemas.wire import encode
from tests.agents.scorer import FakeCounters
from tests.agents.sink import batch_of, letter
from tests.infra.database.rows import MOMENT, api_key, prediction, request_rows

pytestmark = pytest.mark.contract("R7")
A, B = "AAAAAAAAAAA", "BBBBBBBBBBB"


@pytest.fixture
def asked(engine: Engine) -> Iterator[list[str]]:
    """The statements that ask for rows of a request."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "SELECT request_id, key_id" in statement:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


async def save(store: PostgresStore, topic: str, *rows: StoredPrediction, end: int = 1) -> Sequence[RefusedRow]:
    return await store.save_predictions(rows, [Position(topic, 0, end)])


def told(refused: Sequence[RefusedRow]) -> list[tuple[int, str]]:
    return [(row.index, row.code) for row in refused]


@pytest.mark.parametrize("status", ["ok", "rate_limited"])
async def test_a_result_under_an_id_of_another_key_is_told_and_changes_nothing(
    store: PostgresStore, engine: Engine, topic: str, name: str, status: str
) -> None:
    assert await save(store, topic, prediction(name, key_id=A)) == []
    late = prediction(name, key_id=B, status=status)
    for _ in range(2):
        [taken] = await save(store, topic, prediction(f"{name}-own", key_id=B), late, end=2)
        assert (taken.index, taken.code) == (1, "request_id_taken")
        assert name in taken.reason
        assert A not in taken.reason
    assert request_rows(engine, name, "status, key_id") == [("ok", A)]
    assert request_rows(engine, f"{name}-own", "key_id") == [B]


async def test_of_two_keys_in_one_batch_the_second_is_told(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    both = [prediction(name, key_id=A), prediction(name, key_id=B, predicted_probability=0.1)]
    assert told(await save(store, topic, *both)) == [(1, "request_id_taken")]
    assert request_rows(engine, name, "key_id") == [A]


async def test_a_replay_and_a_repetition_by_the_same_key_are_told_nothing(
    store: PostgresStore, topic: str, name: str
) -> None:
    rows = [prediction(name, key_id=A), prediction(name, key_id=A, row=1), prediction(name, key_id=A)]
    for end in (3, 3, 1):
        assert await save(store, topic, *rows, end=end) == []
    assert await save(store, topic, prediction(name, key_id=A, status="rate_limited"), end=4) == []


@pytest.mark.contract("K6")
async def test_a_key_and_its_successors_are_one(store: PostgresStore, engine: Engine, topic: str, name: str) -> None:
    first, second, third = "FIRST-KEY-1", "SECOND-KEY2", "THIRD-KEY-3"
    keys = [api_key(first), *(api_key(each, family=first) for each in (second, third))]
    await store.save_keys(keys, [], [Position(topic, 1, 3)])
    assert await save(store, topic, prediction(name, key_id=first)) == []
    for end, each in enumerate((second, third, first), 2):
        assert await save(store, topic, prediction(name, key_id=each), end=end) == []
    assert told(await save(store, topic, prediction(name, key_id=A), end=9)) == [(0, "request_id_taken")]
    assert request_rows(engine, name, "key_id") == [first]


async def test_who_showed_no_valid_key_neither_takes_an_id_nor_is_told(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    nobody = prediction(name, key_id=None, status="unauthorized")
    assert await save(store, topic, nobody) == []
    assert await save(store, topic, prediction(name, key_id=B, status="rate_limited"), end=2) == []
    assert await save(store, topic, prediction(name, key_id=A), end=3) == []
    assert await save(store, topic, nobody, end=4) == []
    assert request_rows(engine, name, "status, key_id") == [("ok", A)]


async def test_a_batch_that_is_all_new_asks_for_no_owner(
    store: PostgresStore, topic: str, name: str, asked: list[str]
) -> None:
    assert await save(store, topic, *(prediction(f"{name}-{number}", key_id=A) for number in range(5))) == []
    impossible = prediction(f"{name}-bad", risk_score=101.0)
    assert told(await save(store, topic, prediction(f"{name}-6"), impossible, end=2)) == [(1, "not_storable")]
    assert asked == []
    await save(store, topic, prediction(name), prediction(name), end=3)
    assert len(asked) == 1


@pytest.mark.contract("R9")
@pytest.mark.parametrize("strange", ["a\x00b", "\ud800"])
async def test_an_id_that_postgres_cannot_hold_is_not_asked_for(
    store: PostgresStore, topic: str, name: str, strange: str
) -> None:
    await save(store, topic, prediction(name, key_id=A))
    rows = [prediction(strange, key_id=A), prediction(strange, key_id=B), prediction(name, key_id=B)]
    everyone = [(0, "not_storable"), (1, "not_storable"), (2, "request_id_taken")]
    assert told(await save(store, topic, *rows, end=2)) == everyone


@pytest.mark.contract("R9")
async def test_several_rows_under_another_keys_id_are_one_dead_letter_that_names_the_id(
    store: PostgresStore, topic: str, name: str
) -> None:
    answers = [{"predictions": [0.5, 0.5], "risk_score": 50.0, "label": 1, "features": {}}] * 2
    at = int(MOMENT.timestamp() * 1000)

    def value(key_id: str) -> bytes:
        return encode(result_body({"rows": answers, "key_id": key_id}, name, "c-42", "ok", False, at, at))

    batch = batch_of(value(A), value(B), value(A), topic=topic)
    for _ in range(2):
        [lost] = [
            letter(each)
            for each in await persist_results(batch, store=store, counters=FakeCounters(), dead_letters="dead")
        ]
        assert (lost["offset"], lost["reason"]) == (11, "request_id_taken")
        assert name in lost["message"]
        assert A not in lost["message"]
