import json
import os
from pathlib import Path

import click
from click.testing import CliRunner

from infra.local.supervisor import Role, start_supervisor
from streams.cli.local import down, status, up


def call(verb: click.Command, folder: Path, environ: dict[str, str], *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(verb, ["--data-dir", str(folder), *options], env=environ)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_up_status_and_down_agree(folder, wheel_environ) -> None:
    code, out = call(up, folder, wheel_environ, "--services-only", "--json")
    shown = json.loads(out)
    try:
        assert (code, shown["broker"]) == (0, "wheel")
        start_supervisor(folder, [Role("scorer", ("sleep", "60"))], os.environ)
        code, out = call(status, folder, wheel_environ, "--json")
        state = json.loads(out)
        assert (code, state["up"], state["services"][0]["pid"]) == (0, True, shown["services"][0]["pid"])
        assert [role["name"] for role in state["roles"]] == ["scorer"]
        code, table = call(status, folder, wheel_environ)
        assert "postgres" in table
        assert "scorer" in table
    finally:
        code, out = call(down, folder, wheel_environ, "--json")
    assert json.loads(out) == {"stopped": ["scorer", "kafka", "redis", "postgres"]}


def test_down_twice_is_harmless(folder, wheel_environ) -> None:
    assert call(down, folder, wheel_environ) == (0, f"nothing was running on {folder}\n")
    assert call(down, folder / "absent", wheel_environ)[0] == 0


def test_status_of_nothing_exits_with_1(folder, wheel_environ) -> None:
    code, out = call(status, folder, wheel_environ)
    assert code == 1
    assert "weir up" in out


def test_up_says_that_the_wheel_broker_is_slower(folder, wheel_environ) -> None:
    try:
        code, out = call(up, folder, wheel_environ, "--services-only")
        assert code == 0
        assert "slower" in out
        assert "WEIR_MASTER_SECRET" not in out
    finally:
        call(down, folder, wheel_environ)
