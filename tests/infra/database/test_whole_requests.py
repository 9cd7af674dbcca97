"""A request is stored whole or not at all: another of its id, with however many rows, adds none to it."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from infra.database import PostgresStore
from schemas.stored import Position, RefusedRow, StoredPrediction
from tests.infra.database.rows import label, prediction, request_rows

pytestmark = pytest.mark.contract("R7")
A, B = "AAAAAAAAAAA", "BBBBBBBBBBB"


@pytest.fixture
def store(engine: Engine, topic: str) -> PostgresStore:
    return PostgresStore(engine, {topic: topic, "feedback": f"{topic}-feedback"})


def request(name: str, rows: int, key_id: str = A, **changes: Any) -> list[StoredPrediction]:
    return [prediction(name, row=row, key_id=key_id, **changes) for row in range(rows)]


async def save(
    store: PostgresStore, topic: str, *requests: Sequence[StoredPrediction], end: int = 1
) -> list[tuple[int, str]]:
    """The index and the code of what was not stored."""
    rows = [row for request in requests for row in request]
    refused: Sequence[RefusedRow] = await store.save_predictions(rows, [Position(topic, 0, end)])
    return [(row.index, row.code) for row in refused]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
@pytest.mark.parametrize(("key_id", "told"), [(A, []), (B, ["request_id_taken"])], ids=["same key", "other key"])
@pytest.mark.parametrize(("first", "second"), [(2, 5), (5, 2), (1, 3), (3, 1)])
async def test_a_second_request_of_an_id_adds_no_rows_to_the_first(
    store: PostgresStore,
    engine: Engine,
    topic: str,
    name: str,
    first: int,
    second: int,
    key_id: str,
    told: list[str],
    together: bool,
) -> None:
    earlier, later = request(name, first), request(name, second, key_id, predicted_probability=0.1)
    beside = request(f"{name}-beside", 2, key_id)
    if together:
        assert await save(store, topic, earlier, later, beside) == [(first, code) for code in told]
    else:
        assert await save(store, topic, earlier) == []
        assert await save(store, topic, later, beside, end=2) == [(0, code) for code in told]
    kept = [(row, A, 0.75) for row in range(first)]
    assert request_rows(engine, name, "row, key_id, predicted_probability") == kept
    assert len(request_rows(engine, f"{name}-beside")) == 2


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
async def test_a_refusal_gives_way_to_all_rows_of_an_answer(
    store: PostgresStore, engine: Engine, topic: str, name: str, together: bool
) -> None:
    requests = [request(name, 1, status="rate_limited"), request(name, 3), request(name, 1, status="expired")]
    for batch in [requests] if together else [[each] for each in requests]:
        assert await save(store, topic, *batch) == []
    assert request_rows(engine, name) == [(0, "ok"), (1, "ok"), (2, "ok")]


@pytest.mark.contract("R9")
@pytest.mark.parametrize("wrong", [{"risk_score": 101.0}, {"features": {"n": 2**70}}], ids=["checked", "no JSON"])
@pytest.mark.parametrize("bad_row", [0, 1, 2])
async def test_a_request_with_a_row_that_postgres_refuses_is_refused_whole(
    store: PostgresStore, engine: Engine, topic: str, name: str, bad_row: int, wrong: dict[str, Any]
) -> None:
    rows = request(name, 3)
    rows[bad_row] = prediction(name, row=bad_row, key_id=A, **wrong)
    batch = [request(f"{name}-before", 2), rows, request(f"{name}-after", 2)]
    for _ in range(2):
        assert await save(store, topic, *batch) == [(2, "not_storable")]
    assert request_rows(engine, name) == []
    assert len(request_rows(engine, f"{name}-before") + request_rows(engine, f"{name}-after")) == 4
    assert await save(store, topic, request(name, 3), end=2) == []
    assert len(request_rows(engine, name)) == 3


@pytest.mark.contract("F1")
async def test_a_label_of_a_row_that_only_the_second_had_joins_nothing(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    truths = [label(name, 1, row, row=row) for row in range(3)]
    assert await store.save_labels(truths, [Position("feedback", 0, 3)]) == []
    await save(store, topic, request(name, 2))
    await save(store, topic, request(name, 3), end=2)
    assert request_rows(engine, name, "actual_label") == [1, 1]


async def test_rows_out_of_order_are_a_bug(store: PostgresStore, topic: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"row 2 of {name} does not follow"):
        await save(store, topic, [prediction(name), prediction(name, row=2)])
    with pytest.raises(ValueError, match="row 1"):
        await save(store, topic, [prediction(f"{name}-other"), prediction(name, row=1)])
