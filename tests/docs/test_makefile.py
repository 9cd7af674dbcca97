"""The Makefile's verbs: what they pass on, and that pre-commit runs the same."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VERBS = ("demo", "test", "faults", "lint", "format", "bench", "docs")
TAKE_ARGS = VERBS[:-1]
SET_UP = "--old-file=pyproject.toml", "--old-file=constraints.txt"


@cache
def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    # What the `make test` around us was given is not for this one.
    given = {name: value for name, value in os.environ.items() if name not in ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES")}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=30, check=True).stdout


def recipe(verb: str, *arguments: str) -> list[str]:
    """The commands that a verb would run, without those that set up `.venv`: `ruff check .` and the like."""
    commands = make("--dry-run", *SET_UP, verb, *arguments).splitlines()
    return [line for line in commands if re.match(r"\.venv/bin/(?!python -m pip)", line)]


def test_help_has_every_verb_and_says_which_take_args() -> None:
    said = make("help")
    assert tuple(re.findall(r"^make (\w+) ", said, re.MULTILINE)) == VERBS
    assert "ARGS go to every verb but docs:" in said


@pytest.mark.parametrize("verb", VERBS)
def test_args_reach_what_the_verb_runs(verb: str) -> None:
    passed = [line for line in recipe(verb, "ARGS=--mark") if "--mark" in line]
    assert bool(passed) == (verb in TAKE_ARGS)


@pytest.mark.parametrize("verb", ["lint", "format"])
def test_without_args_ruff_looks_at_everything_and_with_them_at_those_paths(verb: str) -> None:
    everywhere, there = recipe(verb), recipe(verb, "ARGS=streams tests/docs")
    ruff = [number for number, line in enumerate(everywhere) if "ruff" in line]
    assert len(ruff) == 2
    for number in ruff:
        assert everywhere[number].endswith(" .")
        assert there[number] == f"{everywhere[number][:-1]}streams tests/docs"


@pytest.mark.parametrize("verb", ["test", "faults"])
def test_what_tests_start_keeps_what_it_compiled(verb: str) -> None:
    told = make("--dry-run", "--print-data-base", *SET_UP, verb)
    assert re.search(rf"^{verb}: PYTHONDONTWRITEBYTECODE := *$", told, re.MULTILINE)


def test_pre_commit_runs_what_make_lint_runs() -> None:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == recipe("lint")
