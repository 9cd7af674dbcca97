"""`weir db backup` and `weir db restore`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.database import create_db_engine
from streams.cli import weir
from tests.infra.database.rows import stored


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
