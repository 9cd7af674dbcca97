"""CI insists on the real broker, and its script says what is missing where it cannot install it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = ("bash", "dirname", "sed", "head")
"""What the script itself runs."""


def test_with_the_wheel_broker_ci_runs_no_test() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/test_floors.py"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "KAFKA_"))}
    given = environ | {"CI": "true", "WEIR_STACK": "wheel"}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR == 4
    assert "CI needs the real broker: Java 17 or newer and Maven" in done.stderr


class Machine:
    """A PATH of stubs: each program prints its line and ends."""

    def __init__(self, folder: Path, programs: Mapping[str, str]) -> None:
        self._path = folder / "bin"
        self._path.mkdir()
        for name in NEEDED:
            found = shutil.which(name)
            assert found is not None
            (self._path / name).symlink_to(found)
        for name, said in programs.items():
            stub = self._path / name
            stub.write_text(f"#!{shutil.which('bash')}\n{said}\n")
            stub.chmod(0o755)

    def ci(self) -> "subprocess.CompletedProcess[str]":
        bash = str(self._path / "bash")
        environ = {"PATH": str(self._path)}
        return subprocess.run(
            [bash, str(ROOT / ".ci/run")], env=environ, capture_output=True, text=True, timeout=30, check=False
        )


def java(version: str) -> str:
    """As java tells its version: on standard error."""
    return f"echo 'openjdk version \"{version}\" 2020-01-01' >&2"


WHOLE = {
    "id": "echo 1000",
    "java": java("17.0.9"),
    "mvn": "",
    "redis-server": "echo 'Redis server v=7.0.15 sha=0'",
    "make": 'echo "make $*; CI=$CI"',
    "python3": "",
}
"""Whatever CI needs, and nobody who may install more."""


def test_where_nothing_is_missing_the_tests_are_run_as_in_ci(tmp_path: Path) -> None:
    done = Machine(tmp_path, WHOLE).ci()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "make --no-print-directory test; CI=true\n"


@pytest.mark.parametrize(
    ("lacks", "packages"),
    [
        ({"java": None}, "openjdk-17-jre-headless"),
        ({"java": java("11.0.22")}, "openjdk-17-jre-headless"),
        ({"java": java("1.8.0_402")}, "openjdk-17-jre-headless"),
        ({"java": None, "mvn": None}, "openjdk-17-jre-headless maven"),
        ({"redis-server": "echo 'Redis server v=6.2.1 sha=0'"}, "redis-server"),
        ({"redis-server": None, "make": None, "python3": "exit 1"}, "redis-server make python3-venv"),
    ],
    ids=["no java", "java 11", "java 8", "no java and no maven", "redis 6", "no redis, make and venv"],
)
@pytest.mark.parametrize("machine", [{"apt-get": "echo called"}, {"id": "echo 0"}], ids=["not root", "not Debian"])
def test_what_is_missing_is_named_where_it_cannot_be_installed(
    tmp_path: Path, machine: dict[str, str], lacks: dict[str, str | None], packages: str
) -> None:
    programs = {name: said for name, said in {**WHOLE, **machine, **lacks}.items() if said is not None}
    done = Machine(tmp_path, programs).ci()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"CI needs Debian's {packages} (or their like): install them and run again\n"


def test_a_distribution_whose_java_is_too_old_is_told(tmp_path: Path) -> None:
    root_on_debian = {"id": "echo 0", "apt-get": 'echo "apt-get $*"', "apt-cache": "exit 1", "java": java("11.0.22")}
    done = Machine(tmp_path, {**WHOLE, **root_on_debian}).ci()
    assert done.returncode == 1
    assert done.stderr == "CI needs Java 17 or newer; the distribution brought an older one\n"
    assert "apt-get -qq update" in done.stdout
