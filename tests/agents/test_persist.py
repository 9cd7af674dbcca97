"""Terminal events become rows, and what cannot be read stops nothing."""

import base64
from typing import Any

import pytest

from agents.persist import persist_results
from schemas.errors import Unavailable
from schemas.message import Batch
from schemas.result import refusal
from schemas.stored import Position, RefusedRow, StoredPrediction
from schemas.wire import MAX_BODY_BYTES
from tests.agents.scorer import FakeCounters
from tests.agents.sink import MOMENT, KeptInMemory, batch_of, letter


def result(request_id: str = "abc-123", **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "model": "churn",
        "model_version": "v1",
        "strategy": "champion",
        "arm": "main",
        "route_epoch": 3,
        "predictions": [0.25, 0.75],
        "churn_probability": 0.75,
        "risk_score": 75.0,
        "label": 1,
        "features": {"total_orders": 10, "total_revenue": 500.0},
        "degraded": True,
    }
    common: dict[str, Any] = {"status": "ok", "entity": "c-42", "key_id": "abcdefghijk"}
    times = {"requested_at": MOMENT, "scored_at": MOMENT, "latency_ms": 0, "schema_version": 1}
    return {"request_id": request_id, **times, **common, **answer, **changes}


def refused(request_id: str, status: str, **changes: Any) -> dict[str, Any]:
    error = refusal(status, "no", fields=[{"field": "x", "reason": "is missing", "got": "nothing"}])
    common: dict[str, Any] = {"entity": "c-42", "key_id": None, "requested_at": MOMENT, "scored_at": MOMENT}
    times = {"latency_ms": 0, "schema_version": 1}
    return {"request_id": request_id, "status": status, "error": error, **times, **common, **changes}


async def stored(*values: Any) -> list[StoredPrediction]:
    store = KeptInMemory()
    assert await persist_results(batch_of(*values), store=store, counters=FakeCounters(), dead_letters="dead") == []
    return store.predictions


async def test_a_single_answer_is_one_row() -> None:
    assert await stored(result()) == [
        StoredPrediction(
            request_id="abc-123",
            row=0,
            status="ok",
            entity="c-42",
            key_id="abcdefghijk",
            model="churn",
            model_version="v1",
            routing_strategy="champion",
            arm="main",
            route_epoch=3,
            features={"total_orders": 10, "total_revenue": 500.0},
            predicted_probability=0.75,
            predicted_label=1,
            risk_score=75.0,
            error=None,
            degraded=True,
            latency_ms=0.0,
            requested_at=MOMENT,
            scored_at=MOMENT,
            metadata={"target": "churn"},
        )
    ]


async def test_an_answer_of_several_rows_is_as_many_rows_in_order() -> None:
    answers = [
        {"predictions": [1 - p, p], "risk_score": 100 * p, "label": int(p > 0.5), "features": {"n": p}}
        for p in (0.25, 0.75)
    ]
    body = {**result(), "rows": answers}
    for name in ("predictions", "risk_score", "label", "features"):
        del body[name]
    rows = await stored(body)
    assert [(row.row, row.predicted_probability, row.predicted_label, row.features) for row in rows] == [
        (0, 0.25, 0, {"n": 0.25}),
        (1, 0.75, 1, {"n": 0.75}),
    ]
    assert {row.model_version for row in rows} == {"v1"}
    assert [row.metadata for row in rows] == [{"many": True}] * 2


@pytest.mark.contract("R6")
@pytest.mark.parametrize("status", ["unauthorized", "forbidden", "rate_limited", "invalid", "expired", "error"])
async def test_a_refusal_is_one_row_without_an_answer(status: str) -> None:
    (row,) = await stored(refused("abc-123", status))
    assert (row.row, row.status, row.predicted_probability, row.features) == (0, status, None, None)
    assert row.error == {
        "code": status,
        "message": "no",
        "fields": [{"field": "x", "reason": "is missing", "got": "nothing"}],
    }


async def test_a_label_in_words_is_kept_beside() -> None:
    (row,) = await stored(result(label="malignant"))
    assert (row.predicted_label, row.metadata) == (None, {"target": "churn", "label": "malignant"})


async def test_an_overlong_entity_of_a_refused_request_is_cut() -> None:
    (row,) = await stored(refused("abc-123", "invalid", entity="e" * 1000))
    assert row.entity == "e" * 256


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\x00b", "a\ufffdb"), ("\\u0000", "\\u0000"), ("\\\x00", "\\\ufffd"), ("\x00\x00", "\ufffd\ufffd")],
)
async def test_a_nul_becomes_the_replacement_character(text: str, kept: str) -> None:
    (row,) = await stored(result(features={"text": text}))
    assert row.features == {"text": kept}


async def test_a_result_may_be_larger_than_a_request() -> None:
    (row,) = await stored(result(features={"text": "x" * MAX_BODY_BYTES}))
    assert row.features is not None


@pytest.mark.contract("R9")
@pytest.mark.parametrize(
    ("value", "reason", "says"),
    [
        (None, "empty", "PredictionResult"),
        (b"", "empty", "PredictionResult"),
        (b"\xff\xfe", "not_json", "PredictionResult"),
        (b"[" * 10_000, "not_json", "PredictionResult"),
        (b"[]", "invalid", "body"),
        ({"request_id": "abc-123"}, "invalid", "entity, status, latency_ms, requested_at, scored_at"),
        ({**result(), "status": "splendid"}, "invalid", "status"),
    ],
)
async def test_what_is_no_result_is_a_dead_letter_and_the_rest_is_stored(value: Any, reason: str, says: str) -> None:
    store = KeptInMemory()
    batch = batch_of(result("a"), value, result("b"))
    (emission,) = await persist_results(batch, store=store, counters=FakeCounters(), dead_letters="dead")
    assert [row.request_id for row in store.predictions] == ["a", "b"]
    assert store.positions == [Position("topic", 0, 13)]
    body = letter(emission)
    assert (body["reason"], body["topic"], body["partition"], body["offset"]) == (reason, "topic", 0, 11)
    assert says in body["message"]
    assert base64.b64decode(body["value"]) == (batch.records[1].value or b"")


async def test_a_row_that_is_refused_is_one_dead_letter_per_record() -> None:
    answers = [{"predictions": [0.5, 0.5], "risk_score": 50.0, "label": 1, "features": {}}] * 2
    store = KeptInMemory(refuse=[RefusedRow(1, "too wide"), RefusedRow(2, "too wide"), RefusedRow(3, "too long")])
    batch = batch_of(result("a"), {**result("b"), "rows": answers}, result("c"))
    letters = [
        letter(each) for each in await persist_results(batch, store=store, counters=FakeCounters(), dead_letters="dead")
    ]
    assert [(each["offset"], each["reason"], each["message"]) for each in letters] == [
        (11, "not_storable", "too wide"),
        (12, "not_storable", "too long"),
    ]


async def test_each_partition_moves_to_the_offset_after_its_last_record() -> None:
    store = KeptInMemory()
    records = [*batch_of(result("a"), result("b")).records, *batch_of(result("c"), partition=4, first=7).records]
    await persist_results(Batch("topic", records), store=store, counters=FakeCounters(), dead_letters="dead")
    assert store.positions == [Position("topic", 0, 12), Position("topic", 4, 8)]


async def test_a_store_that_is_away_is_the_loops_to_wait_for() -> None:
    counters = FakeCounters()
    with pytest.raises(Unavailable):
        await persist_results(batch_of(b"{"), store=KeptInMemory(away=True), counters=counters, dead_letters="dead")
    assert counters.dead == {}


@pytest.mark.contract("O1")
async def test_dead_letters_are_counted_by_reason() -> None:
    counters = FakeCounters()
    store = KeptInMemory(refuse=[RefusedRow(0, "too wide"), RefusedRow(1, "is another key's", "request_id_taken")])
    batch = batch_of(result("a"), b"nonsense", result("b"), b"", b"{")
    lost = await persist_results(batch, store=store, counters=counters, dead_letters="dead")
    assert counters.dead == {"not_json": 2, "empty": 1, "not_storable": 1, "request_id_taken": 1}
    assert len(lost) == sum(counters.dead.values())
