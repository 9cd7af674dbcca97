"""From every revision that there ever was, with rows in each of its tables, to the newest."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from infra.database import create_db_engine, init_db
from infra.database.migrate import LOCK, MIGRATIONS, configuration, schema_revision
from tests.infra.database.accepted import fill
from tests.infra.database.digests import digests, schema
from tests.infra.database.migrated import migrated
from tests.infra.database.rows import stored
from tests.kafka import until
from tests.stack import unmeasured

REVISIONS = [each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]
FOLDED = {"arm_deltas", "arm_entities"}
"""Running totals are summed up by chance, in a migration too: test_migrate holds them against a recount."""
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND NOT granted"

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def newest(new_database: Callable[[], str]) -> Iterator[list[Any]]:
    """The schema as it is made from nothing."""
    with migrated(new_database()) as engine:
        yield schema(engine)


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    engine = create_db_engine(database_url)
    yield engine
    engine.dispose()


def made(engine: Engine, revision: str) -> Rows:
    """The revision's tables, a few rows in each; what they hold then: triggers may have added to it."""
    with engine.begin() as connection:
        command.upgrade(configuration(connection), revision)
    with engine.begin() as connection:
        for table in sorted(set(inspect(connection).get_table_names()) - {"alembic_version"}):
            fill(connection, table, Random(f"{revision} {table}"))
    return {table: rows for table, rows in held(engine).items() if table != "alembic_version"}


def held(engine: Engine) -> Rows:
    return {
        table: stored(engine, f"SELECT to_jsonb(given) FROM {table} AS given")
        for table in inspect(engine).get_table_names()
    }


def lost(before: Rows, after: Rows) -> Rows:
    """Rows that are not there any more as they were, whatever columns were added to them."""
    gone: Rows = {}
    for table in before.keys() - FOLDED:
        left = list(after[table])
        for row in before[table]:
            same = next((each for each in left if row.items() <= each.items()), None)
            if same is None:
                gone.setdefault(table, []).append(row)
            else:
                left.remove(same)
    return gone


@pytest.mark.contract("F2", "F3")
@pytest.mark.parametrize("revision", REVISIONS)
def test_rows_of_every_revision_are_kept_and_its_tables_become_those_made_from_nothing(
    empty: Engine, newest: list[Any], revision: str
) -> None:
    before = made(empty, revision)
    assert all(before.values()), "every table has rows"
    assert init_db(empty).is_current
    assert lost(before, held(empty)) == {}
    assert schema(empty) == newest
    after = digests(empty)
    assert init_db(empty).is_current
    assert digests(empty) == after
    assert schema(empty) == newest


@pytest.mark.contract("F2")
async def test_two_processes_that_migrate_at_once_wait_for_each_other(
    empty: Engine, database_url: str, newest: list[Any]
) -> None:
    before = made(empty, REVISIONS[0])
    migrate = [sys.executable, "-m", "streams.cli", "db", "migrate"]
    environ = {**unmeasured(os.environ), "DATABASE_URL": database_url}
    with empty.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        both = [subprocess.Popen(migrate, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        await until(lambda: len(stored(empty, WAITING, lock=LOCK)) == 2, "both wait")
        assert schema_revision(empty).current == REVISIONS[0]
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        said = [process.communicate(timeout=30)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said == [f"Migrated the tables from {REVISIONS[0]} to {REVISIONS[-1]}.\n"] * 2, "both had looked before"
    assert lost(before, held(empty)) == {}
    assert schema(empty) == newest
