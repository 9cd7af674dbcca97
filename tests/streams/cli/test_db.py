"""`weir db`: migrate and status, on a real database."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from streams.cli import weir


@pytest.fixture(autouse=True)
def in_environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(weir, ["db", *arguments])


@pytest.mark.contract("F2")
def test_migrate_says_what_it_did_and_then_that_nothing_is_left() -> None:
    first, second = run("migrate", "--json"), run("migrate", "--json")
    made, left = json.loads(first.stdout), json.loads(second.stdout)
    assert made["from"] is None
    assert left == {"from": made["to"], "to": made["to"]}
    assert f"at {made['to']} already" in run("migrate").stdout


def test_status_fails_until_the_tables_are_there() -> None:
    before = run("status")
    assert before.exit_code == 1
    assert "run `weir db migrate`" in before.stdout
    assert run("migrate").exit_code == 0
    after = run("status", "--json")
    assert after.exit_code == 0
    assert json.loads(after.stdout)["current"] == json.loads(after.stdout)["head"]


def test_a_database_that_is_away_is_one_line_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://weir:hidden-password@127.0.0.1:1/weir")
    command = [sys.executable, "-m", "streams.cli", "db", "status"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("weir: postgres: ")
    assert "hidden-password" not in ended.stderr
    assert "Traceback" not in ended.stderr
