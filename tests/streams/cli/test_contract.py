"""`weir contract`: the copies that are kept hold, and what breaks them is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from schemas.errors import BadSettings
from streams.cli import weir
from streams.contract.files import DESCRIPTIONS, write

DOCS = Path(__file__).parents[3] / "docs"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(weir, ["contract", *map(str, arguments)])


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def edit(path: Path, change: Any) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_the_descriptions_that_are_kept_in_docs_hold() -> None:
    result = run("check", "--against", DOCS)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_the_descriptions_that_are_kept_in_docs_are_what_the_code_says(name: str, kept: Path) -> None:
    assert (DOCS / name).read_bytes() == (kept / name).read_bytes(), "run `make docs`"


def test_a_breaking_change_is_named_and_fails(kept: Path) -> None:
    edit(kept / "openapi.json", lambda it: it["paths"].update({"/gone": {"get": {}}}))
    edit(kept / "asyncapi.json", lambda it: it["components"]["schemas"]["Feedback"]["required"].remove("label"))
    result = run("check", "--against", kept)
    assert result.exit_code == 1
    assert "BREAKS openapi.json: GET /gone is gone" in result.output
    assert "BREAKS asyncapi.json: feedback feedback payload.label has to be there now" in result.output
    assert "weir contract write" in result.output


def test_a_compatible_change_is_named_and_does_not_fail(kept: Path) -> None:
    edit(kept / "openapi.json", lambda it: it["paths"].pop("/docs"))
    result = run("check", "--against", kept)
    assert result.exit_code == 0
    assert "fine   openapi.json: GET /docs is new" in result.output
    assert "weir contract write" in result.output


def test_programs_are_told_in_json(kept: Path) -> None:
    edit(kept / "openapi.json", lambda it: it["paths"].update({"/gone": {"get": {}}}))
    result = run("check", "--json", "--against", kept)
    told = json.loads(result.output)
    assert result.exit_code == 1
    assert told == {"openapi.json": [{"where": "GET /gone", "what": "is gone", "breaks": True}], "asyncapi.json": []}


def test_what_is_written_is_what_is_held_against(tmp_path: Path) -> None:
    assert run("write", "--to", tmp_path).exit_code == 0
    result = run("check", "--against", tmp_path)
    assert (result.exit_code, result.output) == (0, "nothing changed\n")


@pytest.mark.parametrize(("content", "why"), [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "is no openapi")])
def test_a_copy_that_is_none_is_told(kept: Path, content: str | None, why: str) -> None:
    path = kept / "openapi.json"
    path.unlink() if content is None else path.write_text(content)
    error = run("check", "--against", kept).exception
    assert isinstance(error, BadSettings)
    assert why in str(error)
