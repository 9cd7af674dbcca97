"""What the pages say is so."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry

from agents.admit import Doubt
from schemas.signing import signature, signing_key
from streams.cli import VERBS
from streams.contract.operations import OPERATIONS
from streams.gateway.metrics import GatewayMetrics
from streams.observe import Metrics
from streams.settings import Settings
from streams.topology import ROLES, TRAINER
from streams.trainer_metrics import OnlineMetrics, TrainerMetrics
from tests.schemas.vectors import SIGNATURE

ROOT = Path(__file__).parents[2]
OF_BOTO3 = {
    f"AWS_{name}" for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "PROFILE", "DEFAULT_REGION", "ENDPOINT_URL")
}
OF_BOTO3 |= {"AWS_REQUEST_CHECKSUM_CALCULATION"}
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def loaded(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(file).stem, ROOT / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def vector() -> dict[str, str]:
    """The table of docs/producing.md that producers check their signatures against."""
    page = (ROOT / "docs/producing.md").read_text()
    return dict(re.findall(r"^\| ([\w ]+) \| `(.+)` \|$", page.split("this vector")[1], re.MULTILINE))


def test_the_env_example_is_what_the_settings_say() -> None:
    assert (ROOT / ".env.example").read_text() == loaded("docs/build.py").env_example(), "run `make docs`"


def test_the_env_example_names_every_setting_and_holds_good_values() -> None:
    lines = re.findall(r"^#([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert [name for name, _ in lines] == [name.upper() for name in Settings.model_fields]
    assert Settings.read(dict(lines)) == Settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_means(name: str) -> None:
    assert (Settings.model_fields[name].description or "").endswith(".")


@pytest.mark.contract("K8")
def test_the_signing_vector_holds_for_weir_and_for_the_example() -> None:
    given = vector()
    body = given["body"].encode()
    ours = signature(
        signing_key(given["API key"]),
        topic=given["topic"],
        request_id=given["request id"].encode(),
        record_key=given["entity"].encode(),
        signed_at=given["signed at"].encode(),
        body=body,
    )
    names = ("API key", "key id", "topic", "request id", "entity", "signed at")
    theirs = loaded("docs/examples/sign.py").headers(*(given.get(name, "A" * 11) for name in names), body)
    assert ours.decode() == theirs["signature"] == given["signature"] == SIGNATURE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_verb_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"\bweir ([a-z]+)\b", page.read_text()))
    assert named <= {*VERBS}, f"unknown: {named - {*VERBS}}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    ours = {name.upper() for name in Settings.model_fields} | {
        "WEIR_STACK",
        "WEIR_CACHE",
        "WEIR_API_KEY",
        "WEIR_KEY_ID",
        "OMP_NUM_THREADS",
    }
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", page.read_text()))
    assert named <= ours | OF_BOTO3, f"unknown: {named - ours}"


def test_the_readme_shows_the_example_as_it_is() -> None:
    [shown] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    example = (ROOT / "docs/examples/predict.py").read_text()
    assert "".join(f"    {line}" if line.strip() else line for line in shown.splitlines(keepends=True)) in example


def test_readme_and_procfile_know_every_role() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [role for role in (*ROLES, TRAINER) if f"| `{role}` |" not in readme] == []
    assert {line.split(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()} == {*ROLES, TRAINER}


def test_the_page_on_operating_names_every_metric() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    gateway = CollectorRegistry()
    GatewayMetrics(gateway)
    declared = {**registry._names_to_collectors, **gateway._names_to_collectors}
    page = (ROOT / "docs/operating.md").read_text().split("## Metrics")[1].split("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", page)) - {"monitor", "crashed"}
    assert named <= declared.keys()
    assert {declared[name] for name in named} == set(declared.values())


def test_the_page_on_retraining_names_every_metric_and_setting_of_the_trainer() -> None:
    registry = CollectorRegistry()
    TrainerMetrics(registry)
    OnlineMetrics(registry)
    page = (ROOT / "docs/retraining.md").read_text()
    declared = registry._names_to_collectors
    assert {declared[name] for name in re.findall(r"^\| `([a-z_]+)`", page, re.M) if name in declared} == {
        *declared.values()
    }
    settings = {name.upper() for name in Settings.model_fields if name.startswith("retrain_")}
    assert settings == set(re.findall(r"`(RETRAIN_[A-Z0-9_]+)", page))


def test_the_page_on_operating_explains_every_doubt_about_a_sender() -> None:
    page = (ROOT / "docs/operating.md").read_text().split("## Unauthorized records")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", page, re.M) == list(get_args(Doubt))


def test_the_page_on_http_has_every_route_and_every_status_of_a_result() -> None:
    page = (ROOT / "docs/http.md").read_text()
    routes = {f"{one.method} {re.sub(r'{.*?}', '{id}', one.path)}" for one in OPERATIONS}
    assert routes == set(re.findall(r"^\| `([A-Z]+ /.*?)` \|", page, re.MULTILINE))
    statuses = {str(answer.status) for one in OPERATIONS for answer in one.answers} | {"405"}
    assert statuses == set(re.findall(r"^\| (\d+) \|", page, re.MULTILINE))


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()
