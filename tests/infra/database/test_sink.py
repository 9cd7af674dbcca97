"""The sink's stage on the real store."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, text

from agents.persist import persist_results
from infra.database import PostgresStore, create_db_engine
from schemas.message import Batch, Record
from schemas.result import result_body
from schemas.wire import encode
from streams.loops import Limits, Pipeline
from tests.agents.scorer import FakeCounters
from tests.fakes import FakeAttempts, FakeObserver, FakeSender
from tests.infra.database.rows import MOMENT, request_rows
from tests.kafka import until

AT = int(MOMENT.timestamp() * 1000)
COMMON: dict[str, Any] = {
    "entity": "c-42", "status": "ok", "degraded": False, "requested_ms": AT, "scored_ms": AT,
}  # fmt: skip
ANSWER: dict[str, Any] = {"predictions": [0.25, 0.75], "risk_score": 75.0, "label": 1, "features": {"n": 1}}


def delivered(topic: str, values: list[bytes]) -> Batch:
    return Batch(topic, [Record(topic, 0, offset, 0, b"c-42", value, ()) for offset, value in enumerate(values)])


@pytest.mark.contract("R7", "R9", "R10")
async def test_a_batch_delivered_twice_is_one_row_a_request_and_the_same_dead_letters(
    engine: Engine, unique: Callable[..., str]
) -> None:
    request_id, topic = unique("request"), unique("results")
    answer = {**ANSWER, "features": {"n": 1, "text": "a\x00b"}}
    answered = result_body(answer, request_id=request_id, **COMMON)
    impossible = result_body({**answer, "risk_score": 101.0}, request_id=unique("bad"), **COMMON)
    batch = delivered(topic, [encode(answered), b"nonsense", encode(impossible), encode(answered)])
    store = PostgresStore(engine, {topic: unique("log")})
    first = await persist_results(batch, store=store, counters=FakeCounters(), dead_letters="dead")
    again = await persist_results(batch, store=store, counters=FakeCounters(), dead_letters="dead")
    assert first == again
    assert len(first) == 2
    assert request_rows(engine, request_id, "status, features ->> 'text'") == [("ok", "a\ufffdb")]


@pytest.mark.contract("R9", "R10")
async def test_a_locked_table_is_waited_for_and_no_result_is_to_blame(
    engine: Engine, unique: Callable[..., str]
) -> None:
    request_ids, topic = [unique("request") for _ in range(20)], unique("results")
    batch = delivered(topic, [encode(result_body(ANSWER, request_id=name, **COMMON)) for name in request_ids])
    impatient = create_db_engine(engine.url.render_as_string(hide_password=False), patience_s=0.1)
    store = PostgresStore(impatient, {topic: unique("log")}, patience_s=0.2)
    sender, attempts, observer = FakeSender(), FakeAttempts(), FakeObserver()
    pipeline = Pipeline(
        topic,
        partial(persist_results, store=store, counters=FakeCounters(), dead_letters="dead"),
        sender,
        attempts,
        lambda record, count: [],
        observer,
        Limits(batch_timeout_s=2, max_attempts=1, backoff_s=0.01),
    )
    with engine.begin() as holder:
        holder.execute(text("LOCK TABLE prediction_feedback IN ACCESS EXCLUSIVE MODE"))
        processing = asyncio.create_task(pipeline.process(batch, lambda: None))
        await until(lambda: len(observer.waits) >= 3, "the wait for Postgres")
    assert await asyncio.wait_for(processing, 30)
    assert [request_rows(engine, name, "status") for name in request_ids] == [["ok"]] * 20
    assert (sender.sent, attempts.counts) == ([], {})
    impatient.dispose()
