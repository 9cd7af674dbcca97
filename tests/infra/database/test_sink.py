"""The sink's stage on the real store."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from agents.persist import persist_results
from infra.database import PostgresStore
from schemas.message import Batch, Record
from schemas.result import result_body
from schemas.wire import encode
from tests.infra.database.rows import MOMENT, request_rows


@pytest.mark.contract("R7", "R9", "R10")
async def test_a_batch_delivered_twice_is_one_row_a_request_and_the_same_dead_letters(
    engine: Engine, unique: Callable[..., str]
) -> None:
    request_id, topic = unique("request"), unique("results")
    at = int(MOMENT.timestamp() * 1000)
    common: dict[str, Any] = {
        "entity": "c-42", "status": "ok", "degraded": False, "requested_ms": at, "scored_ms": at,
    }  # fmt: skip
    answer: dict[str, Any] = {
        "predictions": [0.25, 0.75],
        "risk_score": 75.0,
        "label": 1,
        "features": {"n": 1, "text": "a\x00b"},
    }
    answered = result_body(answer, request_id=request_id, **common)
    impossible = result_body({**answer, "risk_score": 101.0}, request_id=unique("bad"), **common)
    values = [encode(answered), b"nonsense", encode(impossible), encode(answered)]
    records = [Record(topic, 0, offset, 0, b"c-42", value, ()) for offset, value in enumerate(values)]
    batch = Batch(topic, records, {0: 0})
    store = PostgresStore(engine, {topic: unique("log")})
    first = await persist_results(batch, store=store, dead_letters="dead")
    again = await persist_results(batch, store=store, dead_letters="dead")
    assert first == again
    assert len(first) == 2
    assert request_rows(engine, request_id, "status, features ->> 'text'") == [("ok", "a\ufffdb")]
