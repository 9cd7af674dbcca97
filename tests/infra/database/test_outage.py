"""What the store does while Postgres is away, and when it is back."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, event, text

from infra.database import PostgresStore, create_db_engine
from schemas.errors import Unavailable
from schemas.stored import Position
from tests.infra.database.rows import prediction, request_rows, stored

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


async def test_a_row_locked_for_too_long_is_an_outage_not_a_bad_row(
    engine: Engine, switch: Callable[[str], object]
) -> None:
    hasty = create_db_engine(engine.url.update_query_dict({"options": "-c lock_timeout=50"}).render_as_string())
    store = PostgresStore(hasty, {"results": "results"})
    switch("BEGIN")
    switch("LOCK TABLE prediction_feedback")
    with pytest.raises(Unavailable, match="lock timeout"):
        await store.save_predictions([prediction("locked")], POSITIONS)
    switch("ROLLBACK")
    await store.save_predictions([prediction("locked")], POSITIONS)
    assert len(request_rows(engine, "locked")) == 1
    hasty.dispose()


async def test_an_exhausted_pool_is_an_outage(engine: Engine) -> None:
    small = create_db_engine(engine.url.render_as_string(), pool_size=1, max_overflow=0)
    small.pool._timeout = 0.05  # type: ignore[attr-defined]
    with small.connect(), pytest.raises(Unavailable, match="raise pool_size"):
        await PostgresStore(small, {"results": "results"}).save_predictions([], POSITIONS)
    small.dispose()
