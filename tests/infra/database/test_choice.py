"""Of the deliveries of one request the best that Postgres takes is stored, and the rest is told or repeats it."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, event

from infra.database import PostgresStore
from schemas.stored import Position, StoredPrediction
from tests.infra.database.rows import prediction, request_rows

A, B, C = "AAAAAAAAAAA", "BBBBBBBBBBB", "CCCCCCCCCCC"
BAD: list[dict[str, Any]] = [{"predicted_probability": 7.0}, {"features": {"n": 2**70}}, {"entity": "\ud800"}]


@pytest.fixture
def parts(engine: Engine) -> Iterator[list[list[str]]]:
    """The request ids of each statement that writes predictions, as they are handed over."""
    seen: list[list[str]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "INSERT INTO prediction_feedback" in statement:
            seen.append([row["request_id"] for row in orjson.loads(parameters["rows"])])

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


async def save(store: PostgresStore, topic: str, *rows: StoredPrediction, end: int = 1) -> Sequence[tuple[int, str]]:
    refused = await store.save_predictions(rows, [Position(topic, 0, end)])
    return sorted((row.index, row.code) for row in refused)


@pytest.mark.contract("R9")
@pytest.mark.parametrize("wrong", BAD, ids=["checked", "no JSON", "no text"])
async def test_where_the_first_is_refused_the_next_of_its_id_is_stored(
    store: PostgresStore, engine: Engine, topic: str, name: str, wrong: dict[str, Any]
) -> None:
    beside = [prediction(f"{name}{place}") for place in ("-before", "~after")]
    bad, worse = prediction(name, **wrong), prediction(name, risk_score=101.0)
    batch = [beside[0], bad, worse, prediction(name), prediction(name, predicted_probability=0.1), beside[1]]
    for _ in range(2):
        assert await save(store, topic, *batch) == [(1, "not_storable"), (2, "not_storable")]
    assert request_rows(engine, name, "predicted_probability") == [0.75]
    assert [len(request_rows(engine, each.request_id)) for each in beside] == [1, 1]


@pytest.mark.contract("R9")
@pytest.mark.parametrize("wrong", BAD, ids=["checked", "no JSON", "no text"])
async def test_a_refusal_is_stored_where_its_answer_cannot_be(
    store: PostgresStore, engine: Engine, topic: str, name: str, wrong: dict[str, Any]
) -> None:
    batch = [prediction(name, status="rate_limited"), prediction(name, **wrong)]
    assert await save(store, topic, *batch) == [(1, "not_storable")]
    assert request_rows(engine, name, "status") == ["rate_limited"]


@pytest.mark.contract("R7", "R9")
async def test_of_three_keys_the_first_that_is_taken_has_the_id_and_the_last_is_told(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    batch = [prediction(name, key_id=A, risk_score=101.0), prediction(name, key_id=B), prediction(name, key_id=C)]
    for _ in range(2):
        assert await save(store, topic, *batch) == [(0, "not_storable"), (2, "request_id_taken")]
    assert request_rows(engine, name, "key_id") == [B]


@pytest.mark.contract("R7")
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
async def test_a_refusal_without_a_key_gives_way_to_one_with_a_key_and_that_to_no_other(
    store: PostgresStore, engine: Engine, topic: str, name: str, together: bool
) -> None:
    refusals = [
        prediction(name, key_id=None, status="unauthorized", entity="forged"),
        prediction(name, key_id=None, status="unauthorized", entity="forged too"),
        prediction(name, key_id=A, status="rate_limited"),
        prediction(name, key_id=A, status="expired"),
        prediction(name, key_id=None, status="unauthorized"),
    ]
    for end, batch in enumerate([refusals] if together else [[each] for each in refusals], 1):
        assert await save(store, topic, *batch, end=end) == []
    assert request_rows(engine, name, "status, key_id, entity") == [("rate_limited", A, "c-42")]


async def test_an_ok_without_a_key_stays(store: PostgresStore, engine: Engine, topic: str, name: str) -> None:
    assert await save(store, topic, prediction(name, key_id=None)) == []
    assert await save(store, topic, prediction(name, key_id=A, status="rate_limited"), end=2) == []
    assert request_rows(engine, name, "status, key_id") == [("ok", None)]


@pytest.mark.contract("R10")
async def test_parts_of_a_batch_are_written_in_the_order_of_their_ids(
    store: PostgresStore, topic: str, name: str, parts: list[list[str]]
) -> None:
    rows = [prediction(f"{name}-{number}") for number in (2, 0, 7, 3, 5, 1, 6, 4)]
    refused = prediction(f"{name}-3", risk_score=101.0)
    assert await save(store, topic, refused, *rows) == [(0, "not_storable")]
    assert [part for part in parts if part != sorted(part)] == []
    written = [part for part in parts if refused.request_id not in part or len(part) == 1]
    ids = [request_id for part in written for request_id in part]
    assert ids == sorted(ids)
    assert len(ids) == 9
