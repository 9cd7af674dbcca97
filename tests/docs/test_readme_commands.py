"""The commands of the README, run as they stand on a platform that `weir up` started."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.process import free_port
from infra.local.stack import VARIABLES
from schemas.keys import new_api_key
from tests.docs.shell import Run, shell

ROOT = Path(__file__).parents[2]
NAMED = {*VARIABLES.values(), "MODEL_STORE", "MODEL_NAME"}


def section(title: str) -> str:
    return (ROOT / "README.md").read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def given() -> Iterator[dict[str, str]]:
    """What somebody's environment says who ran `weir up`."""
    with tempfile.TemporaryDirectory(prefix="weir-readme-", ignore_cleanup_errors=True) as folder:
        yield {"DATA_DIR": folder, "PORT": str(free_port())}


@pytest.fixture(scope="module")
def run(given: dict[str, str]) -> Iterator[Run]:
    """Runs a command line in the checkout."""
    run = shell(ROOT, given, without=NAMED)
    try:
        run("weir up")
        yield run
    finally:
        run("weir down")


@pytest.fixture(scope="module")
def addresses(run: Run) -> dict[str, str]:
    """Where each service and role listens."""
    status = json.loads(run("weir status --json"))
    return {one["name"]: one["address"] for one in [*status["services"], *status["roles"]]}


@pytest.fixture(scope="module")
def visitor(run: Run, addresses: dict[str, str]) -> dict[str, str]:
    """What the README tells to export."""
    key = json.loads(run("weir keys create --name me --json"))
    admin = json.loads(run("weir keys bootstrap --json"))["key"]
    shown = {"WEIR_API_KEY": key["key"], "WEIR_KEY_ID": key["id"], "WEIR_ADMIN_KEY": admin}
    return {**shown, "WEIR_URL": addresses["gateway"]}


def command(begins: str) -> str:
    """The line of that section that begins like this, without its comment."""
    [line] = re.findall(rf"^({re.escape(begins)}.*?)(?:\s+#.*)?$", section("Use it"), re.MULTILINE)
    return line


def test_the_curl_answers(run: Run, visitor: dict[str, str]) -> None:
    answer = json.loads(run(command("bash docs/"), **visitor))
    assert (answer["status"], answer["entity"]) == ("ok", "c-42")


@pytest.fixture(scope="module")
def python_example(addresses: dict[str, str]) -> str:
    """The README's line with Kafka's address filled in."""
    return command("KAFKA_BOOTSTRAP_SERVERS=").replace("127.0.0.1:...", addresses["kafka"])


def test_the_python_example_predicts_and_tells_the_truth(
    run: Run, visitor: dict[str, str], python_example: str
) -> None:
    said = run(python_example, **visitor)
    assert re.match(r"c-42: ok, risk \d+ of 100\n20 of 20 predicted\n", said)


def test_the_python_example_says_why_it_was_refused(run: Run, visitor: dict[str, str], python_example: str) -> None:
    said = run(f"{python_example} || test $? = 1", **visitor | {"WEIR_API_KEY": new_api_key()})
    assert said.startswith("c-42: unauthorized, the key or the signature is not valid")


def test_the_python_example_names_what_is_not_set(run: Run, visitor: dict[str, str]) -> None:
    said = run("python docs/examples/predict.py 2>&1 || test $? = 2", **visitor | {"WEIR_KEY_ID": ""})
    assert re.fullmatch(r"not set: KAFKA_BOOTSTRAP_SERVERS \(.*\), WEIR_KEY_ID \(.*\)\n", said)


def test_weir_produce_sends_the_file(run: Run, visitor: dict[str, str]) -> None:
    said = run(command("weir produce"), **visitor)
    assert re.search(r"result ok\W+8\b", said)


def test_the_curls_of_the_page_on_http_are_answered_as_it_says(run: Run, visitor: dict[str, str]) -> None:
    """The row of a fresh answer may not be stored yet, and `me` has no `monitor`."""
    curls = re.findall(r"^curl (.*)$", (ROOT / "docs/http.md").read_text(), re.MULTILINE)
    codes = [run(f"curl --silent --output /dev/null --write-out '%{{http_code}}' {rest}", **visitor) for rest in curls]
    assert re.fullmatch("200 (200|404) 202 202 201 403 200 200 403 403 200 200 200", " ".join(codes))


def test_the_commands_of_the_page_on_ground_truth_load_the_examples(run: Run, visitor: dict[str, str]) -> None:
    [table, lines, orphans] = re.findall(r"^weir feedback .*$", (ROOT / "docs/feedback.md").read_text(), re.MULTILINE)
    assert re.search(r"delivered\W+3\b", run(table, **visitor))
    assert json.loads(run(lines, **visitor))["delivered"] == 3
    assert "No label has waited" in run(orphans, **visitor)


def test_a_table_of_ones_own_is_learned_and_served(
    run: Run, given: dict[str, str], visitor: dict[str, str], tmp_path: Path
) -> None:
    """In a fresh folder where only `docs/` of the checkout lies. The last test: two models are served afterwards."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    there = shell(tmp_path, given | visitor, without=NAMED)
    [commands] = re.findall(r"```sh\n(.*?)```", section("Serve a table of your own"), re.DOTALL)
    *make_train_and_serve, ask = commands.splitlines()
    said = [there(line) for line in make_train_and_serve]
    assert re.search(r"roc_auc +│ 0\.9", said[1])
    answer = json.loads(there(ask))
    assert (answer["status"], answer["model"], answer["label"]) == ("ok", "tumours", "malignant")
    assert answer["diagnosis_probability"] > 0.99
    assert answer["predictions"][1] == answer["diagnosis_probability"]
