import fcntl
import os
import signal
import stat
import subprocess
import sys

import psycopg
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from redis import Redis

from infra.local.process import Process, alive, spawn, stop, wait_until
from infra.local.record import recall
from infra.local.stack import running, start, stop_remembered
from schemas.errors import BadSettings
from tests.stack import measured


def quiet(line: str) -> None:
    """A report nobody reads."""


def write_everywhere(environment: dict[str, str]) -> None:
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    with Redis.from_url(environment["REDIS_URL"]) as client:
        client.set("kept", "1")


def found_again(environment: dict[str, str]) -> tuple[bool, bool]:
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        table = connection.execute("SELECT to_regclass('kept')").fetchone()
    with Redis.from_url(environment["REDIS_URL"]) as client:
        return table != (None,), client.exists("kept") == 1


def topics(bootstrap: str) -> dict[str, object]:
    return AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).topics


def test_every_service_of_the_session_answers(stack, bootstrap, database_url) -> None:
    assert AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).brokers
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


async def test_the_redis_fixture_talks_to_the_session_stack(redis, unique) -> None:
    key = unique("key")
    await redis.set(key, "value", ex=60)
    assert await redis.get(key) == b"value"


@pytest.mark.real_broker
def test_a_topic_is_not_created_by_asking_for_it(bootstrap, unique) -> None:
    absent = unique("absent")
    AdminClient({"bootstrap.servers": bootstrap}).list_topics(absent, timeout=10)
    assert absent not in topics(bootstrap)


def test_stop_ends_exactly_what_start_started(begin, folder, wheel_environ) -> None:
    bystander = spawn(
        "bystander", [sys.executable, "-c", "import signal; signal.pause()"], log=folder / "bystander.log", environ={}
    )
    stack = begin(wheel_environ)
    assert len(stack.pids) == 3
    stack.stop()
    assert not any(alive(process) for process in stack.processes)
    assert alive(bystander)
    assert recall(folder) == []
    stop(bystander)


def test_every_step_is_one_line_and_no_secret_is_shown(folder, wheel_environ) -> None:
    lines: list[str] = []
    stack = start(folder, wheel_environ, leash=True, report=lines.append)
    stack.stop()
    secret = stack.environment["WEIR_MASTER_SECRET"]
    assert [line.split()[0] for line in lines] == ["kafka", "redis", "postgres"]
    assert len(secret) >= 43
    assert stat.S_IMODE((folder / "master-secret").stat().st_mode) == 0o600
    assert secret not in "".join(lines)


def test_a_second_start_joins_the_running_stack(begin, folder, wheel_environ) -> None:
    first = begin(wheel_environ)
    second = begin(wheel_environ)
    assert second.pids == first.pids
    assert second.environment == first.environment
    assert first.environment["WEIR_MASTER_SECRET"] not in (folder / "run.json").read_text()


def test_half_a_stack_is_replaced_whole(begin, wheel_environ) -> None:
    first = begin(wheel_environ)
    os.kill(first.pids[1], signal.SIGKILL)
    assert wait_until(lambda: not alive(first.processes[1]), within=10)
    second = begin(wheel_environ)
    assert not set(first.pids) & set(second.pids)
    assert not any(alive(process) for process in first.processes)


def test_on_the_wheel_broker_everything_starts_empty(begin, wheel_environ) -> None:
    first = begin(wheel_environ)
    write_everywhere(first.environment)
    first.stop()
    second = begin(wheel_environ)
    assert found_again(second.environment) == (False, False)
    assert second.environment["KAFKA_CLUSTER_ID"] != first.environment["KAFKA_CLUSTER_ID"]
    assert second.environment["WEIR_MASTER_SECRET"] == first.environment["WEIR_MASTER_SECRET"]


@pytest.mark.real_broker
def test_on_the_real_broker_a_restart_finds_its_data(begin, bare_environ, unique) -> None:
    first, topic = begin(bare_environ), unique("topic")
    admin = AdminClient({"bootstrap.servers": first.environment["KAFKA_BOOTSTRAP_SERVERS"]})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(10)
    write_everywhere(first.environment)
    first.stop()
    second = begin(bare_environ)
    assert topic in topics(second.environment["KAFKA_BOOTSTRAP_SERVERS"])
    assert found_again(second.environment) == (True, True)
    assert "KAFKA_CLUSTER_ID" not in second.environment


def test_a_start_that_fails_stops_what_it_started(folder, wheel_environ) -> None:
    (folder / "postgres").write_text("not a directory")
    begun: list[Process] = []
    with pytest.raises(FileExistsError):
        start(folder, wheel_environ, report=lambda line: begun.extend(s.process for s in recall(folder)))
    assert {process.name for process in begun} == {"kafka", "redis"}
    assert not any(alive(process) for process in begun)
    assert recall(folder) == []


def test_two_starts_at_once_are_refused(folder, wheel_environ) -> None:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BadSettings, match="another start or stop is at work"):
            start(folder, wheel_environ, report=quiet)


def test_a_required_real_broker_is_not_replaced_by_the_wheel(folder, wheel_environ) -> None:
    with pytest.raises(BadSettings, match="real broker is required"):
        start(folder, wheel_environ, require_real_broker=True, report=quiet)


def test_what_the_environment_names_is_used_and_its_password_kept_out(folder, bare_environ) -> None:
    named = {
        "KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
        "REDIS_URL": "redis://:hush@cache:6379/0",
        "DATABASE_URL": "postgresql://weir:hush@db:5432/weir",
    }
    lines: list[str] = []
    stack = start(folder, {**bare_environ, **named}, report=lines.append)
    assert (stack.broker, stack.pids) == ("external", [])
    assert named.items() <= stack.environment.items()
    assert "hush" not in "".join(lines) + (folder / "run.json").read_text()


@pytest.mark.parametrize("leash", [False, True])
def test_a_stack_outlives_its_starter_unless_leashed(folder, wheel_environ, leash: bool) -> None:
    if leash and sys.platform != "linux":
        pytest.skip("the death signal is Linux's")
    code = (
        "import os, sys; from pathlib import Path; from infra.local.stack import start\n"
        f"start(Path({str(folder)!r}), os.environ, leash={leash})"
    )
    subprocess.run([sys.executable, "-c", code], env=measured(wheel_environ), check=True, timeout=60)
    remembered = [service.process for service in recall(folder)]
    if leash:
        assert wait_until(lambda: not any(alive(process) for process in remembered), within=10)
    else:
        assert running(folder, wheel_environ) is not None
        assert stop_remembered(folder) == ["kafka", "redis", "postgres"]
    assert not any(alive(process) for process in remembered)
