"""What the store does while Postgres is away or too slow, and when it is back."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from infra.database import PostgresStore, create_db_engine
from schemas.errors import Unavailable
from schemas.stored import Position
from tests.infra.database.rows import prediction, request_rows, stored
from tests.kafka import until

POSITIONS = [Position("results", 0, 1)]


@pytest.fixture
def store(engine: Engine) -> PostgresStore:
    return PostgresStore(engine, {"results": "results"})


@pytest.fixture
def switch(engine: Engine) -> Iterator[Callable[[str], object]]:
    """Runs a statement on the server beside the engine under test."""
    beside = create_db_engine(engine.url.render_as_string(hide_password=False))
    with beside.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield lambda statement: connection.execute(text(statement))
    beside.dispose()


async def test_killed_connections_are_replaced_by_the_next_call(
    store: PostgresStore, engine: Engine, switch: Callable[[str], object]
) -> None:
    await store.save_predictions([], POSITIONS)
    switch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with pytest.raises(Unavailable):
        await store.save_predictions([prediction("killed")], POSITIONS)
    await store.save_predictions([prediction("killed")], POSITIONS)
    assert len(request_rows(engine, "killed")) == 1


@pytest.mark.contract("R10")
async def test_a_crash_before_the_commit_leaves_neither_rows_nor_position(
    store: PostgresStore, engine: Engine, switch: Callable[[str], object]
) -> None:
    def crash(connection: object) -> None:
        event.remove(engine, "commit", crash)
        raise ConnectionError("killed before the commit")

    before = stored(engine, "SELECT next_offset FROM sink_offsets")
    event.listen(engine, "commit", crash)
    with pytest.raises(ConnectionError):
        await store.save_predictions([prediction("crashed")], [Position("results", 0, 1000)])
    assert request_rows(engine, "crashed") == []
    assert stored(engine, "SELECT next_offset FROM sink_offsets") == before


async def test_a_read_only_server_is_left_for_its_successor(
    store: PostgresStore, engine: Engine, switch: Callable[[str], object]
) -> None:
    database = engine.url.database
    await store.save_predictions([], POSITIONS)
    switch(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    engine.dispose()
    with pytest.raises(Unavailable, match="read-only"):
        await store.save_predictions([prediction("demoted")], POSITIONS)
    switch(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    await store.save_predictions([prediction("demoted")], POSITIONS)
    assert len(request_rows(engine, "demoted")) == 1


@contextmanager
def locked(switch: Callable[[str], object]) -> Iterator[None]:
    switch("BEGIN")
    switch("LOCK TABLE prediction_feedback IN ACCESS EXCLUSIVE MODE")
    yield
    switch("ROLLBACK")


def connected(engine: Engine, **changes: Any) -> Engine:
    """An engine of the test's own on the same database."""
    return create_db_engine(engine.url.render_as_string(hide_password=False), **changes)


async def test_a_row_locked_for_too_long_is_an_outage_not_a_bad_row(
    engine: Engine, switch: Callable[[str], object]
) -> None:
    hasty = connected(engine, patience_s=0.1)
    store = PostgresStore(hasty, {"results": "results"})
    with locked(switch), pytest.raises(Unavailable, match="lock timeout"):
        await store.save_predictions([prediction("locked")], POSITIONS)
    await store.save_predictions([prediction("locked")], POSITIONS)
    assert len(request_rows(engine, "locked")) == 1
    hasty.dispose()


async def test_a_statement_that_takes_too_long_is_an_outage(engine: Engine, switch: Callable[[str], object]) -> None:
    hasty = connected(engine, patience_s=0.1)
    switch(
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'; "
        "CREATE TRIGGER slowly BEFORE INSERT ON prediction_feedback FOR EACH ROW EXECUTE FUNCTION slowly()"
    )
    with pytest.raises(Unavailable, match="statement timeout"):
        await PostgresStore(hasty, {"results": "results"}).save_predictions([prediction("slow")], POSITIONS)
    switch("DROP FUNCTION slowly CASCADE")
    hasty.dispose()


@pytest.mark.contract("R10")
async def test_a_batch_that_takes_too_long_as_a_whole_is_an_outage_and_cut_off(
    engine: Engine, switch: Callable[[str], object]
) -> None:
    lenient = connected(engine, patience_s=600)
    store = PostgresStore(lenient, {"results": "results"}, patience_s=0.2)
    with locked(switch):
        with pytest.raises(Unavailable, match=r"within 0\.2 s"):
            await store.save_predictions([prediction("cut")], POSITIONS)
        await until(lambda: lenient.pool.checkedout() == 0, "the thread ends")  # type: ignore[attr-defined]
    assert request_rows(engine, "cut") == []
    await PostgresStore(lenient, {"results": "results"}).save_predictions([prediction("cut")], POSITIONS)
    assert len(request_rows(engine, "cut")) == 1
    lenient.dispose()


async def test_a_server_that_froze_is_an_outage_and_holds_up_no_thread(engine: Engine) -> None:
    single = connected(engine, pool_size=1, max_overflow=0)
    store = PostgresStore(single, {"results": "results"}, patience_s=0.3)
    [backend] = stored(single, "SELECT pg_backend_pid()")
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable, match="has not finished"):
            await store.save_predictions([prediction("frozen")], POSITIONS)
        await until(lambda: single.pool.checkedout() == 0, "the thread ends")  # type: ignore[attr-defined]
        await PostgresStore(single, {"results": "results"}).save_predictions([prediction("frozen")], POSITIONS)
    finally:
        os.kill(backend, signal.SIGCONT)
    assert len(request_rows(engine, "frozen")) == 1
    single.dispose()


async def test_a_batch_that_is_cancelled_is_cut_off_at_once(engine: Engine, switch: Callable[[str], object]) -> None:
    lenient = connected(engine, patience_s=600)
    store = PostgresStore(lenient, {"results": "results"})
    with locked(switch):
        saving = asyncio.create_task(store.save_predictions([prediction("cancelled")], POSITIONS))
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        await until(lambda: stored(engine, waiting), "the wait for the lock")
        saving.cancel()
        await until(lambda: lenient.pool.checkedout() == 0, "the thread ends")  # type: ignore[attr-defined]
    assert request_rows(engine, "cancelled") == []
    lenient.dispose()


async def test_who_gets_a_connection_too_late_stores_nothing(engine: Engine) -> None:
    single = connected(engine, pool_size=1, max_overflow=0)
    store = PostgresStore(single, {"results": "results"}, patience_s=0.1)
    returned: list[object] = []
    event.listen(single, "checkin", lambda *_: returned.append(True))
    with single.connect(), pytest.raises(Unavailable, match="has not finished"):
        await store.save_predictions([prediction("late")], POSITIONS)
    await until(lambda: len(returned) == 2, "the connection that came too late is returned")
    assert request_rows(engine, "late") == []
    single.dispose()


async def test_an_exhausted_pool_is_an_outage(engine: Engine) -> None:
    small = create_db_engine(engine.url.render_as_string(), pool_size=1, max_overflow=0)
    small.pool._timeout = 0.05  # type: ignore[attr-defined]
    with small.connect(), pytest.raises(Unavailable, match="raise pool_size"):
        await PostgresStore(small, {"results": "results"}).save_predictions([], POSITIONS)
    small.dispose()
