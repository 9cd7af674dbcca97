import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from infra.local.service import Service
from infra.local.stack import RunningStack, start
from infra.local.supervisor import Role, start_supervisor
from schemas.errors import BadSettings, Unavailable
from streams.bring_up import await_partitions, local_environment
from streams.cli.local import down, status, up


def call(verb: click.Command, folder: Path, environ: Mapping[str, str], *options: str) -> tuple[int, str]:
    """What the verb exits with and says in exactly this environment."""
    absent = dict.fromkeys(os.environ.keys() - environ.keys())
    done = CliRunner().invoke(verb, ["--data-dir", str(folder), *options], env=absent | dict(environ))
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


def test_up_starts_nothing_where_another_program_has_the_gateways_port(folder, wheel_environ) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(BadSettings, match=f"port {taken} is taken"):
            call(up, folder, {**wheel_environ, "PORT": str(taken)})
    assert call(status, folder, wheel_environ)[0] == 1


def test_a_role_that_gets_no_partitions_is_said_with_its_log(folder, monkeypatch) -> None:
    monkeypatch.setattr("streams.bring_up.READY_WITHIN", 0.1)
    (folder / "log").mkdir()
    (folder / "log" / "scorer.log").write_text("waiting for the coordinator\n")
    stack = RunningStack(folder, (Service("kafka", "apache", "", ""),), {})
    with pytest.raises(Unavailable, match=r"(?s)scorer.* reads 0 of 6 partitions .*waiting for the coordinator"):
        await_partitions(stack, "scorer", 6, str(folder))


def test_one_off_verbs_prefer_what_the_environment_names(folder, bare_environ) -> None:
    named = dict.fromkeys(("KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL", "DATABASE_URL"), "elsewhere://host/1")
    environ = {**bare_environ, **named, "DATA_DIR": str(folder), "MODEL_STORE": ""}
    start(folder, environ, report=lambda line: None)
    assert local_environment(environ)["MODEL_STORE"] == f"file://{folder}/models"
    assert local_environment({**environ, "REDIS_URL": "redis://mine"})["REDIS_URL"] == "redis://mine"


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
