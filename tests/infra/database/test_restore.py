"""A restore is one transaction: whatever goes wrong, the database is as it was."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from infra.database.backup import back_up, restore
from infra.database.dump_tools import find_reader
from infra.database.script import carry_out
from schemas.errors import Unavailable
from tests.infra.database.digests import digests, schema
from tests.infra.database.migrated import migrated
from tests.infra.database.rows import stored

SERIES = "INSERT INTO labelled_numbers (model, model_version, last) VALUES ('churn', 'v1', 7)"


@pytest.fixture
def filled(new_database: Callable[[], str], tmp_path: Path) -> Iterator[Engine]:
    """A database that has gone on since its backup, which is the file `b`."""
    with migrated(new_database()) as engine:
        with engine.begin() as connection:
            connection.execute(text(SERIES))
        back_up(engine, tmp_path / "b", os.environ)
        with engine.begin() as connection:
            connection.execute(text("UPDATE labelled_numbers SET last = 8"))
        yield engine


def test_a_table_of_somebody_elses_that_the_backup_has_too_costs_no_table_of_weirs(
    filled: Engine, tmp_path: Path
) -> None:
    with filled.begin() as connection:
        connection.execute(text("CREATE TABLE theirs AS SELECT 1 AS one"))
    back_up(filled, tmp_path / "both", os.environ)
    before = digests(filled), schema(filled)
    with pytest.raises(Unavailable, match='relation "theirs" already exists'):
        restore(filled, tmp_path / "both", os.environ, clean=True)
    assert (digests(filled), schema(filled)) == before


def test_a_tool_that_ends_too_early_leaves_the_database_as_it_was(filled: Engine, tmp_path: Path) -> None:
    real = find_reader(1, os.environ)
    tool = tmp_path / "bin" / "pg_restore"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_restore (PostgreSQL) 99.0" && exit\n"{real}" "$@"\n'
                    '[ "$1" = --data-only ] || { echo "pg_restore: error: hiccup" >&2; exit 1; }\n')  # fmt: skip
    tool.chmod(0o755)
    before = digests(filled), schema(filled)
    environ = {**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"}
    with pytest.raises(Unavailable, match="pg_restore ended with 1: pg_restore: error: hiccup"):
        restore(filled, tmp_path / "b", environ, clean=True)
    assert (digests(filled), schema(filled)) == before


def test_settings_of_the_script_are_for_nobody_else(filled: Engine, tmp_path: Path) -> None:
    query = "SELECT name, setting FROM pg_settings WHERE source = 'session'"
    before = stored(filled, query)
    restore(filled, tmp_path / "b", os.environ, clean=True)
    assert stored(filled, query) == before
    assert stored(filled, "SELECT last FROM labelled_numbers") == [0]


class FakeCursor:
    def __init__(self) -> None:
        self.done: list[bytes] = []

    def execute(self, statements: bytes) -> None:
        self.done.append(statements)


def test_what_only_newer_servers_and_psql_understand_is_passed_over() -> None:
    cursor = FakeCursor()
    script = b"\\restrict abc\nSET lock_timeout = 0;\nSET transaction_timeout = 0;\nSELECT 1;\n\\unrestrict abc\n"
    carry_out(iter(script.splitlines(keepends=True)), cursor)  # type: ignore[arg-type]
    assert cursor.done == [b"SET lock_timeout = 0;\nSELECT 1;\n"]
