"""The README's block on a table of one's own, run as it stands in a fresh folder."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.process import free_port
from infra.local.stack import VARIABLES
from tests.docs.shell import Run, shell

ROOT = Path(__file__).parents[2]


def block() -> list[str]:
    section = (ROOT / "README.md").read_text().split("## Serve a table of your own")[1]
    [commands] = re.findall(r"```sh\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    return commands.splitlines()


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a command line where only `docs/` of the checkout lies."""
    with tempfile.TemporaryDirectory(prefix="weir-own-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "docs").symlink_to(ROOT / "docs")
        named = {*VARIABLES.values(), "DATA_DIR", "MODEL_STORE", "MODEL_NAME"}
        port = free_port()
        run = shell(Path(folder), {"PORT": str(port), "WEIR_URL": f"http://127.0.0.1:{port}"}, without=named)
        try:
            yield run
        finally:
            run("weir down")


def test_the_table_is_learned_and_served(run: Run) -> None:
    run("weir up")
    *make_train_and_serve, ask = block()
    said = [run(line) for line in make_train_and_serve]
    assert re.search(r"roc_auc +│ 0\.9", said[1])
    key = json.loads(run("weir keys create --name me --json"))
    answer = json.loads(run(ask, WEIR_API_KEY=key["key"]))
    assert (answer["status"], answer["model"], answer["label"]) == ("ok", "tumours", "malignant")
    assert answer["diagnosis_probability"] > 0.99
    assert answer["predictions"][1] == answer["diagnosis_probability"]
