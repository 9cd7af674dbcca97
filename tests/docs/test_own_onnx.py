"""The commands of docs/models.md, run as they stand in a fresh folder, and its signature file."""

import re
from pathlib import Path

import pytest

from infra import artifacts
from models.bundle import Bundle, read_bundle
from models.features import encode
from models.signature_file import DeclaredFeature, SignatureFile
from tests.docs.shell import shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/models.md").read_text()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """What lies in the store once the page's commands were run."""
    folder = tmp_path_factory.mktemp("own-onnx")
    (folder / "docs").symlink_to(ROOT / "docs")
    run = shell(folder, {"DATA_DIR": str(folder)}, without=["MODEL_STORE"])
    [commands] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in commands.splitlines():
        run(line)
    store = f"file://{folder}/models"
    return read_bundle(artifacts.fetch(store, "late-payments", artifacts.latest(store, "late-payments")))


def test_the_example_is_published_and_scores(bundle: Bundle) -> None:
    rows = [{"orders": orders, "amount": 250.5, "plan": plan} for orders, plan in ((0, "basic"), (49, "pro"), (9, "?"))]
    encoded = encode(bundle.signature, rows)
    careless, faithful, _ = scores = bundle.score(encoded.matrix)
    assert not encoded.errors
    assert careless > 0.9
    assert faithful < 0.3
    assert bundle.labels(scores)[:2] == ["late", "on time"]


def test_the_page_shows_the_signature_file_as_it_is() -> None:
    [shown] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert shown == (ROOT / "docs/examples/late_payments.json").read_text()


def test_the_page_explains_every_field() -> None:
    fields, _, _ = PAGE.partition("## Outliers")
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.+?) \|", fields, re.MULTILINE))))
    assert named == {*SignatureFile.model_fields, *DeclaredFeature.model_fields}
