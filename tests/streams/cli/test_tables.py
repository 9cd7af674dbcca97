"""Tables on a terminal of 80 columns: nothing is cut, ids and versions stand in one piece."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra import artifacts
from infra.local.stack import RunningStack
from streams.cli import weir
from streams.topics import TOPICS

LONG_NAME = "a-[red]shop-with-a-name-longer-than-any-column"


@pytest.fixture
def run(stack: RunningStack, unique: Callable[[str], str], tmp_path: Path) -> Callable[..., str]:
    """Runs a verb that must succeed; what it printed."""
    own = {"TOPIC_PREFIX": f"{unique('a-prefix-of-topics')}-", "DATA_DIR": str(tmp_path), "COLUMNS": "80"}
    environ = {**stack.environment, **own, "MODEL_STORE": f"file://{tmp_path}/models"}

    def run(*arguments: str, **more: str) -> str:
        done = CliRunner(env={**environ, **more}).invoke(weir, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def cells(table: str) -> list[str]:
    """The text of each column, put together again."""
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in table.splitlines() if line[0] == "│"]
    return ["".join(column) for column in zip(*rows, strict=True)]


def assert_uncut(table: str) -> None:
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= 80


def test_keys_show_id_name_and_expiry_whole(run: Callable[..., str]) -> None:
    run("topics", "create")
    rights = [option for name in ("predict", "monitor", "admin") for option in ("--permission", name)]
    limits = ["--rate-limit", "100000", "--expires-in-days", "30"]
    created = json.loads(run("keys", "create", "--name", LONG_NAME, *rights, *limits, "--json"))
    table = run("keys", "list")
    assert_uncut(table)
    shown = cells(table)
    assert shown[:4] == [created["id"], LONG_NAME, "admin,monitor,predict", "100000/h"]
    assert shown[4:] == [created["expires"][:10], "valid"]
    assert created["created"][:10] in run("keys", "list", COLUMNS="120")


def test_models_show_their_versions_whole_and_why_one_is_refused(run: Callable[..., str], tmp_path: Path) -> None:
    run("models", "train", "--rows", "400", "--name", "churn-of-customers-in-the-north")
    store = f"file://{tmp_path}/models"
    artifacts.publish(store, "churn", "20260101-000000-00000000", {"manifest.json": b"{}"})
    table = run("models", "list")
    rows, refused = table.rstrip().rsplit("\n", 1)
    assert_uncut(rows)
    version = artifacts.latest(store, "churn-of-customers-in-the-north")
    shown = cells(rows)
    assert shown[0] == "churnchurn-of-customers-in-the-north"
    assert shown[1] == f"20260101-000000-00000000{version}"
    assert shown[2] == "refusedlogistic_regression"
    assert refused.startswith("churn 20260101-000000-00000000 is refused: manifest.json is no bundle manifest")


def test_the_doctor_prints_commands_to_copy(run: Callable[..., str]) -> None:
    printed = run("doctor", WEIR_STACK="wheel", KAFKA_BOOTSTRAP_SERVERS="", REDIS_URL="", PORT="0")
    table, advice = printed.rsplit("┘\n", 1)
    assert_uncut(table)
    assert "KAFKA_BOOTSTRAP_SERVERS" in cells(table)[1]
    told = advice.splitlines()
    assert told[0] == "java: Java 17 or newer: apt install openjdk-17-jre-headless, brew install openjdk@17"
    assert any(line.startswith("redis-server: Redis 7 or newer: apt install redis-server") for line in told)


def test_topics_show_their_names_whole(run: Callable[..., str]) -> None:
    created = json.loads(run("topics", "create", "--json"))["created"]
    assert len(created) == len(TOPICS)
    table = run("topics", "check")
    assert_uncut(table)
    assert cells(table)[0] == "".join(created)
