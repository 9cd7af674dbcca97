"""The engine: which URLs it takes, and what it says of a database that is away."""

import traceback
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError

from infra.database import FeedbackRepository, create_db_engine, create_db_session, init_db
from schemas.errors import BadSettings, Unavailable
from tests.infra.database.rows import stored

AWAY = "postgresql://weir:hidden-password@127.0.0.1:1/weir"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_plain_url_is_opened_with_psycopg_3(scheme: str) -> None:
    engine = create_db_engine(f"{scheme}://weir@127.0.0.1:1/weir", pool_size=2, max_overflow=3)
    assert engine.driver == "psycopg"
    assert engine.pool.size() == 2  # type: ignore[attr-defined]


@pytest.mark.contract("F2")
def test_a_pool_opens_pool_size_and_max_overflow_connections_and_no_more(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.database.engine.POOL_TIMEOUT_S", 0.1)
    engine = create_db_engine(database_url, pool_size=1, max_overflow=2)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(engine.connect())
        with pytest.raises(TimeoutError, match="size 1 overflow 2 reached"):
            engine.connect()
    engine.dispose()


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:hidden-password@h/d", "postgresql://u:hidden@password:p/d"])
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(BadSettings, match="DATABASE_URL must read") as caught:
        create_db_engine(url)
    shown = "".join(traceback.format_exception(caught.value))
    assert "hidden" not in "".join(line for line in shown.splitlines() if "create_db_engine" not in line)


@pytest.mark.contract("F2")
def test_a_database_that_is_away_is_unavailable_and_no_password_is_shown() -> None:
    engine = create_db_engine(AWAY)
    with pytest.raises(Unavailable) as migrating:
        init_db(engine)
    with create_db_session(engine) as session, pytest.raises(Unavailable) as reading:
        FeedbackRepository(session).get_prediction("abc-123")
    for caught in (migrating, reading):
        shown = "".join(traceback.format_exception(caught.value))
        assert caught.value.dependency == "postgres"
        assert "hidden-password" not in shown
        assert "postgresql://" not in shown


def test_the_servers_clock_answers_in_utc(engine: Engine) -> None:
    assert stored(engine, "SELECT current_setting('TimeZone')") == ["UTC"]


def test_the_server_looks_whether_who_holds_a_lock_is_still_there(engine: Engine) -> None:
    """By whom it is set, as there is nothing to look for on a socket of this machine's."""
    asked = "SELECT name FROM pg_settings WHERE name LIKE 'tcp_keepalives%' AND source = 'client' ORDER BY name"
    assert stored(engine, asked) == ["tcp_keepalives_count", "tcp_keepalives_idle", "tcp_keepalives_interval"]


def test_options_in_the_url_win(database_url: str) -> None:
    engine = create_db_engine(f"{database_url}&options=-c%20statement_timeout%3D7000")
    assert stored(engine, "SELECT current_setting('statement_timeout')") == ["7s"]
    engine.dispose()


def test_missing_tables_say_what_to_run(database_url: str) -> None:
    engine = create_db_engine(database_url)
    with create_db_session(engine) as session, pytest.raises(BadSettings, match="weir db migrate"):
        FeedbackRepository(session).get_prediction("abc-123")
    engine.dispose()
