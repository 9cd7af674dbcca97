"""pyproject.toml: ranges that end, versions that were tested, and no name of what is not there."""

import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
RUNTIME = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
ALL = [*RUNTIME, *(Requirement(line) for lines in EXTRAS.values() for line in lines)]
OTHERS = [requirement for requirement in ALL if requirement.name != PROJECT["project"]["name"]]
PACKAGES = ("schemas", "models", "agents", "infra", "streams")
NOT_YET = {"hvac"}
"""Packages of the project that no module imports yet."""


@pytest.mark.parametrize("requirement", OTHERS, ids=lambda requirement: requirement.name)
def test_a_range_ends_and_holds_the_version_that_was_tested(requirement: Requirement) -> None:
    lines = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    tested = {canonicalize_name(name): version for name, version in lines}
    assert {bound.operator for bound in requirement.specifier} in ({"=="}, {">=", "<"})
    assert requirement.specifier.contains(tested[canonicalize_name(requirement.name)])


def test_each_package_is_imported_or_said_to_be_for_later() -> None:
    sources = "\n".join(file.read_text() for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", sources, re.MULTILINE))
    modules = defaultdict(set)
    for module, distributions in packages_distributions().items():
        for name in distributions:
            modules[canonicalize_name(name)].add(module)
    needed = {requirement.name for requirement in RUNTIME}
    assert {name for name in needed if not modules[canonicalize_name(name)] & imported} == NOT_YET
    [said] = re.findall(r"^  # Not imported yet.*\n((?:  \".*\",\n)+)", (ROOT / "pyproject.toml").read_text(), re.M)
    assert set(re.findall(r"\"(\w+)", said)) == NOT_YET


def test_what_the_packages_bring_besides_code_is_there() -> None:
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        assert [pattern for pattern in patterns if not any((ROOT / package).glob(pattern))] == []


def test_what_is_installed_fits_together() -> None:
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
