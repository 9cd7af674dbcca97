import os
import signal
import sys
from pathlib import Path

import pytest

from infra.local.kafka_jars import altered, kafka_jars, known_digests, sha256
from infra.local.postgres import traversable_only
from infra.local.process import await_ready, free_port, spawn, stop
from infra.local.service import without_password
from schemas.errors import Unavailable


def test_a_service_that_dies_shows_the_end_of_its_log(tmp_path) -> None:
    log = tmp_path / "log"
    process = spawn("redis", [sys.executable, "-c", "raise SystemExit('no memory')"], log=log, environ=os.environ)
    with pytest.raises(Unavailable, match=r"(?s)redis: ended while starting.*no memory"):
        await_ready(process, log, lambda: False, within=20)
    stop(process)


def test_a_service_that_stays_silent_is_given_up(tmp_path) -> None:
    log = tmp_path / "log"
    process = spawn("kafka", [sys.executable, "-c", "import signal; signal.pause()"], log=log, environ=os.environ)
    with pytest.raises(Unavailable, match="did not answer within 0 s"):
        await_ready(process, log, lambda: False, within=0.3)
    stop(process)


def test_a_deaf_process_is_killed_in_the_end(tmp_path) -> None:
    log = tmp_path / "log"
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    process = spawn("deaf", [sys.executable, "-c", deaf], log=log, environ=os.environ, leash=True)
    await_ready(process, log, lambda: "deaf" in log.read_text(), within=20)
    stop(process, within=0.3)
    assert process.handle is not None
    assert process.handle.returncode == -signal.SIGKILL


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    assert all(20_000 <= free_port() < 32_000 for _ in range(5))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("127.0.0.1:9092,127.0.0.1:9093", "127.0.0.1:9092,127.0.0.1:9093"),
        ("redis://user:hush@cache:6379/0", "cache:6379/0"),
        ("postgresql://weir:hush@db/weir?sslmode=require", "db/weir"),
        ("postgresql://postgres@/weir?host=/run/pg", "/run/pg:weir"),
    ],
)
def test_addresses_leave_passwords_out(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_every_jar_has_a_known_digest() -> None:
    known = known_digests()
    assert "kafka_2.13-4.3.1.jar" in known
    assert all(len(digest) == 64 for digest in known.values())


def test_missing_altered_and_foreign_jars_are_named(tmp_path) -> None:
    (tmp_path / "kafka_2.13-4.3.1.jar").write_bytes(b"altered")
    (tmp_path / "foreign.jar").write_bytes(b"")
    assert set(altered(tmp_path)) == {*known_digests(), "foreign.jar"}
    assert sha256(tmp_path / "foreign.jar").startswith("e3b0c44298fc1c14")


def fake_maven(folder: Path, script: str) -> str:
    program = folder / "mvn"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_a_failing_maven_is_reported_with_its_last_words(tmp_path) -> None:
    maven = fake_maven(tmp_path, "echo no route to host; exit 1")
    with pytest.raises(Unavailable, match="no route to host"):
        kafka_jars(maven, {"WEIR_CACHE": str(tmp_path / "cache"), "PATH": os.environ["PATH"]})


def test_jars_that_are_not_the_known_ones_are_refused(tmp_path) -> None:
    maven = fake_maven(tmp_path, "exit 0")
    with pytest.raises(Unavailable, match="other than the known ones"):
        kafka_jars(maven, {"WEIR_CACHE": str(tmp_path / "cache"), "PATH": os.environ["PATH"]})
    assert list((tmp_path / "cache").iterdir()) == []


def test_folders_opened_by_the_wheel_end_passable_but_not_listable(tmp_path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with traversable_only(private / "postgres"):
        private.chmod(0o755)
    assert private.stat().st_mode & 0o777 == 0o701
