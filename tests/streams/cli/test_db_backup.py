"""`weir db backup` and `weir db restore`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from infra.database import create_db_engine
from infra.database.dump_tools import find_reader
from streams.cli import weir
from tests.infra.database.rows import stored
from tests.kafka import until

COPYING = """SELECT 1 FROM pg_stat_activity
    WHERE query LIKE 'COPY public.%' AND datname = current_database() AND pid <> pg_backend_pid()"""


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(weir, ["db", *arguments], input=given)


def tables(url: str) -> int:
    engine = create_db_engine(url)
    try:
        return int(stored(engine, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0])
    finally:
        engine.dispose()


def test_a_backup_goes_into_another_database_and_over_one_only_after_a_yes(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, there, file = new_database(), new_database(), tmp_path / "weir.dump"
    monkeypatch.setenv("DATABASE_URL", here)
    assert run("migrate").exit_code == 0
    backed_up = json.loads(run("backup", str(file), "--json").stdout)
    assert backed_up["bytes"] == file.stat().st_size
    monkeypatch.setenv("DATABASE_URL", there)
    restored = json.loads(run("restore", str(file), "--json").stdout)
    assert restored == {"file": str(file), "revision": backed_up["revision"], "head": backed_up["revision"]}
    assert tables(there) == tables(here) > 10
    again = run("restore", str(file), "--clean", given="n\n")
    assert again.exit_code == 1
    assert "Remove all that Weir has" in again.output
    assert "is restored" in run("restore", str(file), "--clean", "--yes").stdout


async def test_sigterm_leaves_neither_a_part_of_the_file_nor_pg_dump(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run("migrate").exit_code == 0
    engine = create_db_engine(database_url)
    major = stored(engine, "SHOW server_version_num")[0][:2]
    engine.dispose()
    tool, begun = tmp_path / "bin" / "pg_dump", tmp_path / "begun"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) {major}.0" && exit\n'
                    f"echo $$ > {begun}.new; mv {begun}.new {begun}; exec sleep 60\n")  # fmt: skip
    tool.chmod(0o755)
    folder = tmp_path / "backups"
    folder.mkdir()
    command = [sys.executable, "-m", "streams.cli", "db", "backup", str(folder / "b")]
    environ = {**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as backing_up:
        await until(begun.exists, "pg_dump at work")
        assert len(list(folder.iterdir())) == 1
        backing_up.terminate()
        _, said = backing_up.communicate(timeout=30)
    assert (backing_up.returncode, said.strip()) == (1, "Aborted!")
    assert list(folder.iterdir()) == []
    at_work = [one.pid for one in psutil.process_iter(["status"]) if one.info["status"] != psutil.STATUS_ZOMBIE]
    assert int(begun.read_text()) not in at_work


async def test_a_restore_whose_connection_is_lost_says_in_one_line_how_things_stand(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    file, engine = tmp_path / "b", create_db_engine(database_url)
    assert run("migrate").exit_code == 0
    assert run("backup", str(file)).exit_code == 0
    real, tool, go = find_reader(1, os.environ), tmp_path / "bin" / "pg_restore", tmp_path / "go"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_restore (PostgreSQL) 99.0" && exit\n'
                    f'[ "$1" = --data-only ] && exec "{real}" "$@"\n"{real}" "$@" | sed -n "1,/^COPY/p"\n'
                    f"while [ ! -e {go} ]; do sleep 0.05; done; echo x; echo '\\.'\n")  # fmt: skip
    tool.chmod(0o755)
    command = [sys.executable, "-m", "streams.cli", "db", "restore", str(file), "--clean", "--yes"]
    environ = {**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"}
    before = tables(database_url)
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as restoring:
        await until(lambda: stored(engine, COPYING) != [], "rows on their way")
        stored(engine, COPYING.replace("SELECT 1", "SELECT pg_terminate_backend(pid)"))
        go.touch()
        _, said = restoring.communicate(timeout=90)
    engine.dispose()
    assert restoring.returncode == 1
    assert said.endswith("is restored whole or not at all, run it again\n")
    assert len(said.splitlines()) == 1
    assert tables(database_url) == before
