"""`weir db prune`: counts, removes, and refuses what the topics may still bring again."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from infra.database import create_db_engine, init_db
from streams.cli import weir
from tests.infra.database.rows import stored

ANSWER = text(
    """
    INSERT INTO prediction_feedback (request_id, status, latency_ms, requested_at, scored_at)
    VALUES (:age || ' days old', 'expired', 1, now(), now() - make_interval(days => :age))
    """
)


@pytest.fixture(autouse=True)
def rows(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    engine = create_db_engine(database_url)
    init_db(engine)
    with engine.begin() as connection:
        connection.execute(ANSWER, [{"age": age} for age in (89, 91, 200)])
    engine.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(weir, ["db", "prune", *arguments])


def left(database_url: str) -> list[Any]:
    engine = create_db_engine(database_url)
    try:
        return stored(engine, "SELECT request_id FROM prediction_feedback ORDER BY scored_at DESC")
    finally:
        engine.dispose()


def test_it_removes_what_is_older_and_a_dry_run_says_what_that_would_be(database_url: str) -> None:
    tried = json.loads(run("--older-than", "90d", "--dry-run", "--json").stdout)
    assert len(left(database_url)) == 3
    done = json.loads(run("--older-than", "90d", "--json").stdout)
    assert (done["rows"], done["rows"]["prediction_feedback"]) == (tried["rows"], 2)
    assert left(database_url) == ["89 days old"]
    assert "prediction_feedback │    0" in run("--older-than", "90d").stdout


@pytest.mark.parametrize("age", ["13d", "0s", "2999-01-01T00:00:00Z", "90"])
def test_what_may_still_lie_on_a_topic_is_not_old(database_url: str, age: str) -> None:
    ended = run("--older-than", age)
    assert ended.exit_code == 2
    assert "--older-than" in ended.output
    assert len(left(database_url)) == 3
