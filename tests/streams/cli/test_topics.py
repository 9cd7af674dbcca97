"""`weir topics`: create and check, on a real broker."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.local.stack import RunningStack
from schemas.errors import BadSettings
from streams.cli import weir
from streams.topics import TOPICS


@pytest.fixture(autouse=True)
def prefix(stack: RunningStack, unique: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    own = f"{unique('topics')}-"
    for name, value in {**stack.environment, "TOPIC_PREFIX": own, "DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return own


@pytest.fixture
def make(bootstrap: str, prefix: str) -> Callable[..., None]:
    """Makes a topic with settings of one's own."""

    def make(name: str, config: dict[str, str], partitions: int = 2) -> None:
        admin = AdminClient({"bootstrap.servers": bootstrap})
        [made] = admin.create_topics([NewTopic(prefix + name, partitions, 1, config=config)]).values()
        made.result(30)

    return make


def run(*arguments: str) -> Result:
    r = CliRunner().invoke(weir, ["topics", *arguments], env={"COLUMNS": "200"})
    print(arguments, r.output, r.exception)
    return r


def test_create_makes_every_topic_once(prefix: str) -> None:
    first, second = run("create", "--json"), run("create", "--json")
    assert json.loads(first.stdout) == {"created": [prefix + topic.name for topic in TOPICS]}
    assert json.loads(second.stdout) == {"created": []}
    assert run("create").stdout == "every topic exists\n"


@pytest.mark.real_broker
def test_create_makes_only_what_is_missing_and_leaves_the_rest_alone(prefix: str, make: Callable[..., None]) -> None:
    make("feedback", {"message.timestamp.type": "LogAppendTime"})
    created = run("create").stdout.splitlines()
    assert created == [f"created {prefix}{topic.name}" for topic in TOPICS if topic.name != "feedback"]
    assert json.loads(run("check", "--json").stdout)[f"{prefix}feedback"] == 2


@pytest.mark.real_broker
def test_check_tells_the_partitions_and_what_is_kept(prefix: str) -> None:
    run("create")
    assert json.loads(run("check", "--json").stdout) == {prefix + topic.name: topic.partitions for topic in TOPICS}
    rows = [[cell.strip() for cell in line.split("│")] for line in run("check").stdout.splitlines()]
    shown = {row[1].removeprefix(prefix): (row[2], row[4]) for row in rows if len(row) > 4}
    assert shown["api-keys"] == ("1", "last of each key")
    assert shown["prediction-replies"] == ("12", "10 minutes")
    assert shown["feedback"] == ("3", "30 days")


def test_missing_topics_are_named_with_what_to_do(prefix: str) -> None:
    command = [sys.executable, "-m", "streams.cli", "topics", "check", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert all(prefix + topic.name in ended.stderr for topic in TOPICS)
    assert ended.stderr.endswith("run `weir topics create`\n")


@pytest.mark.real_broker
@pytest.mark.contract("K8")
def test_signed_records_with_the_producers_time_are_refused_with_how_to_put_it_right(
    prefix: str, make: Callable[..., None]
) -> None:
    make("prediction-requests", {})
    make("feedback", {})
    make("api-keys", {"cleanup.policy": "delete"}, 1)
    run("create")
    result = run("check")
    assert result.exit_code == 1
    assert isinstance(result.exception, BadSettings)
    _, requests, feedback, keys = str(result.exception).splitlines()
    assert f"{prefix}prediction-requests has message.timestamp.type=CreateTime" in requests
    assert f"--topic {prefix}prediction-requests --add-config message.timestamp.type=LogAppendTime" in requests
    assert f"{prefix}feedback has message.timestamp.type=CreateTime" in feedback
    assert f"{prefix}api-keys has cleanup.policy=delete" in keys
    assert "cleanup.policy=compact" in keys


@pytest.mark.real_broker
def test_a_worker_does_not_start_on_a_topic_that_is_kept_wrongly(prefix: str, make: Callable[..., None]) -> None:
    make("prediction-requests", {})
    run("create")
    command = [sys.executable, "-m", "streams.cli", "run", "scorer"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"{prefix}prediction-requests has message.timestamp.type=CreateTime" in ended.stderr
