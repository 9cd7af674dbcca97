"""GET /predictions/{id} over a real Postgres: what was answered, and what is said while Postgres stands still."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy import Engine

from agents.persist import persist_results
from infra.database import PostgresStore, create_db_engine, init_db
from infra.local.postgres import start_postgres, stop_postgres
from infra.local.process import Process
from infra.local.service import Surroundings
from schemas.errors import Unavailable
from schemas.result import PredictionResult, refusal, result_body
from schemas.wire import encode
from streams.gateway.stored import stored_predictions
from tests.agents.scorer import FakeCounters
from tests.agents.sink import batch_of
from tests.kafka import until
from tests.streams.gateway.fakes import Gateway

AT = 1_772_368_200_123
ANSWER: dict[str, Any] = {"predictions": [0.25, 0.75], "churn_probability": 0.75, "risk_score": 75.0, "label": 1}
ROUTED: dict[str, Any] = {
    "model": "churn", "model_version": "v1", "strategy": "champion", "arm": "main", "route_epoch": 3,
}  # fmt: skip
KILL_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, str]]:
    """A Postgres of this module's own, which may stand still: its process and its URL."""
    place = Surroundings(tmp_path_factory.mktemp("postgres"), os.environ, leash=True)
    service = start_postgres(place, "weir", keep=False)
    assert service.process is not None
    yield service.process, service.url
    stop_postgres(service.process)


@pytest.fixture
def engine(server: tuple[Process, str]) -> Iterator[Engine]:
    engine = create_db_engine(server[1], pool_size=5)
    init_db(engine)
    yield engine
    engine.dispose()


@contextmanager
def frozen(server: tuple[Process, str]) -> Iterator[None]:
    """Postgres and every process of it stand still: connections are taken by the system, and nothing answers."""
    family = [psutil.Process(server[0].pid)]
    family[0].suspend()
    family += family[0].children(recursive=True)
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(family):
            process.resume()


def looking_up(engine: Engine, **limits: Any) -> tuple[Gateway, str]:
    """A gateway over this Postgres, and a key that may look up."""
    gateway = Gateway(predictions=stored_predictions(engine, **limits))
    return gateway, gateway.keys.new("predict")


def with_features(outcome: dict[str, Any]) -> dict[str, Any]:
    """As it lies on the results topic."""
    if "rows" in outcome:
        return {**outcome, "rows": [with_features(row) for row in outcome["rows"]]}
    return {**outcome, "features": {"total_orders": 3}} if "label" in outcome else outcome


@pytest.mark.contract("R7")
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("ok", {**ROUTED, **ANSWER}),
        ("ok", {**ROUTED, **ANSWER, "label": "leaves"}),
        ("ok", {**ROUTED, "rows": [ANSWER]}),
        ("ok", {**ROUTED, "rows": [{**ANSWER, "label": "leaves"}]}),
        ("ok", {**ROUTED, "rows": [{**ANSWER, "label": label} for label in (1, 0, 1)]}),
        ("invalid", {"error": refusal("invalid", "no", fields=[{"field": "x", "reason": "is missing", "got": "-"}])}),
    ],
    ids=["single", "label in words", "a list of one", "a list of one in words", "a list", "refused"],
)
async def test_the_stored_result_reads_as_the_reply_did(
    engine: Engine, unique: Callable[..., str], status: Any, outcome: dict[str, Any]
) -> None:
    gateway, api_key = looking_up(engine)
    request_id, key_id = unique("request"), gateway.keys.credentials[api_key].key.key_id
    reply = result_body(outcome, request_id, "c-42", status, False, AT, AT + 7)
    record = with_features(reply) | {"key_id": key_id}
    store = PostgresStore(engine, {"results": unique("log")})
    batch = batch_of(encode(record), topic="results")
    assert await persist_results(batch, store=store, counters=FakeCounters(), dead_letters="dead") == []
    async with gateway.client(api_key) as client:
        shown = (await client.get(f"/predictions/{request_id}")).json()
    assert PredictionResult.model_validate(shown) == PredictionResult.model_validate(reply)


def is_503(response: httpx.Response) -> bool:
    return (
        response.status_code == 503
        and response.json()["error"]["code"] == "unavailable"
        and int(response.headers["Retry-After"]) >= 1
    )


async def test_a_frozen_postgres_is_503_in_time_and_holds_up_nothing_else(
    server: tuple[Process, str], engine: Engine
) -> None:
    gateway, api_key = looking_up(engine, patience_s=2.0)
    async with gateway.client(api_key) as client:
        await asyncio.gather(*(client.get(f"/predictions/r-{number}") for number in range(5)))
        with frozen(server):
            async with asyncio.timeout(20):
                asked = [asyncio.create_task(client.get(f"/predictions/r-{number}")) for number in range(100)]
                assert (await client.get("/healthz")).status_code == 200
                await asyncio.gather(*(asyncio.to_thread(int) for _ in range(100)))
                assert not any(task.done() for task in asked)
                assert all(is_503(response) for response in await asyncio.gather(*asked))
                assert is_503(await client.get("/predictions/r-1"))

        async def answered() -> bool:
            return (await client.get("/predictions/r-1")).status_code == 404

        await until(answered, "Postgres is asked again")
    await until(lambda: engine.pool.checkedout() == 0, "no connection is kept")


async def test_connections_that_a_restart_of_postgres_cut_cost_no_look_up(
    server: tuple[Process, str], engine: Engine
) -> None:
    gateway, api_key = looking_up(engine)
    async with gateway.client(api_key) as client:

        async def ask() -> list[int]:
            responses = await asyncio.gather(*(client.get(f"/predictions/r-{number}") for number in range(5)))
            return [response.status_code for response in responses]

        assert await ask() == [404] * 5
        with psycopg.connect(server[1]) as beside:
            beside.execute(KILL_OTHERS)
        assert await ask() == [404] * 5


async def test_beyond_the_look_ups_that_may_wait_503_comes_at_once(server: tuple[Process, str], engine: Engine) -> None:
    gateway, api_key = looking_up(engine, patience_s=60, in_line=3)
    async with gateway.client(api_key) as client:
        assert (await client.get("/predictions/r-1")).status_code == 404
        with frozen(server):
            asked = [asyncio.create_task(client.get("/predictions/r-1")) for _ in range(4)]
            done, waiting = await asyncio.wait(asked, timeout=30, return_when=asyncio.FIRST_COMPLETED)
            assert [is_503(task.result()) for task in done] == [True]
        assert [response.status_code for response in await asyncio.gather(*waiting)] == [404] * 3


async def test_a_look_up_whose_connection_breaks_on_the_way_has_only_the_time_left(
    server: tuple[Process, str], engine: Engine
) -> None:
    """Rows that are locked keep it waiting, before and after."""
    look_up = stored_predictions(engine, patience_s=2.0)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(server[1]) as holder, psycopg.connect(server[1], autocommit=True) as admin:
        holder.execute("LOCK TABLE prediction_feedback")
        began = monotonic()
        looking = asyncio.create_task(look_up("r-1"))
        await until(lambda: monotonic() > began + 1.4 and admin.execute(waiting).fetchone() == (1,), "it waits")
        admin.execute(f"{KILL_OTHERS} AND wait_event_type = 'Lock'")
        with pytest.raises(Unavailable, match="has not finished within 0"):
            await looking
        assert monotonic() - began < 2.8
        holder.rollback()
