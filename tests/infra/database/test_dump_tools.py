"""pg_dump and pg_restore are found by version, and no command line has the password."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from infra.database.dump_tools import find_reader, find_writer, run_tool
from schemas.errors import BadSettings


def tool(folder: Path, said: str, name: str = "pg_dump") -> Path:
    folder.mkdir()
    path = folder / name
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{said}" && exit\necho "$@"; env\n')
    path.chmod(0o755)
    return path


def test_the_oldest_version_that_knows_the_server_writes_and_the_newest_reads(tmp_path: Path) -> None:
    newest = tool(tmp_path / "new", "pg_dump (PostgreSQL) 98.1 (Debian 98.1-1)")
    assert find_writer(97, {"PATH": str(newest.parent)}) == newest
    assert find_writer(14, {"PATH": str(newest.parent)}) != newest
    reader = tool(tmp_path / "reader", "pg_restore (PostgreSQL) 98.1 (Debian 98.1-1)", "pg_restore")
    assert find_reader(14, {"PATH": str(reader.parent)}) == reader


def test_where_all_are_older_than_the_server_it_is_said_what_to_install(tmp_path: Path) -> None:
    older = tool(tmp_path / "old", "pg_dump (PostgreSQL) 9.6.24")
    with pytest.raises(BadSettings, match=rf"of Postgres 99 or newer .*{older} is 9.*install postgresql-client-99"):
        find_writer(99, {"PATH": str(older.parent)})
    broken = tool(tmp_path / "broken", "Segmentation fault")
    with pytest.raises(BadSettings) as refused:
        find_writer(99, {"PATH": str(broken.parent)})
    assert str(broken) not in str(refused.value)


@pytest.mark.parametrize("url", ["u:hidden%20word@h:1/d", "u@h:1/d?password=hidden%20word"])
def test_the_password_goes_by_the_environment(tmp_path: Path, url: str) -> None:
    database = make_url(f"postgresql+psycopg://{url}")
    said = run_tool(tool(tmp_path / "bin", "9"), ["--file", "f"], {"PATH": "/usr/bin:/bin"}, database)
    arguments, _, environ = said.partition("\n")
    assert arguments.startswith("--file f --no-password --dbname ")
    assert set(arguments.split()[4:]) == {"user=u", "dbname=d", "host=h", "port=1"}
    assert "hidden" not in arguments
    assert "PGPASSWORD=hidden word" in environ
