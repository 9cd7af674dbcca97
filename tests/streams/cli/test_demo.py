"""`weir demo` as its user runs it: a process on an empty directory."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.process import alive, wait_until
from infra.local.record import recall
from infra.local.stack import VARIABLES, stop_remembered
from infra.local.supervisor import read_state, stop_supervisor
from tests.stack import measured

LONGEST_S = 120.0
TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "200"}
"""Rich then takes whatever it writes to for a terminal."""
HIDDEN = re.compile(r"java|mvn|redis-server")
ALONE = """
import os
for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
    del os.environ[name]
from streams.cli import main
main()
"""
"""The command, which may be measured while the roles that it starts are not."""
WEIR = (sys.executable, "-c", ALONE, "demo")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory with a short path; what still runs on it afterwards is stopped."""
    with tempfile.TemporaryDirectory(prefix="weir-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)
        stop_supervisor(Path(name))
        stop_remembered(Path(name))


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:
    named = {*VARIABLES.values(), "WEIR_MASTER_SECRET", "WEIR_STACK", "PORT", "DATA_DIR", "MODEL_STORE"}
    return {name: value for name, value in os.environ.items() if name not in named} | {"DATA_DIR": str(folder)}


@pytest.fixture
def wheel_environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """PATH without java, mvn and redis-server: what `pip install` brings is all there is."""
    for name in environ["PATH"].split(os.pathsep):
        for program in Path(name).iterdir() if Path(name).is_dir() else ():
            link = tmp_path / program.name
            if not HIDDEN.match(program.name) and not link.is_symlink():
                link.symlink_to(program)
    return {**environ, "PATH": str(tmp_path)}


class Demo:
    """A demo that stays up, its output in a file."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.out, self.figures = folder / "out.txt", folder / "figures.json"
        with self.out.open("wb") as out:
            command = [*WEIR, "--json", str(self.figures)]
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=dict(environ))
        assert wait_until(lambda: "Ctrl-C stops" in self.said or self.process.poll() is not None, LONGEST_S), self.said
        assert self.process.poll() is None, self.said

    @property
    def said(self) -> str:
        return self.out.read_text()

    def __enter__(self) -> "Demo":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(LONGEST_S)

    def curl(self) -> tuple[str, str, str]:
        """URL, header and body of the command to paste."""
        begins = self.said.index("curl http")
        pasted = self.said[begins : self.said.index("\n\n", begins)].replace("\\\n", "")
        command, url, h, header, d, body = shlex.split(pasted)
        assert (command, h, d) == ("curl", "-H", "-d")
        return url, header, body


def run_once(environ: Mapping[str, str], figures: Path) -> tuple[dict[str, Any], str]:
    assert not figures.parent.exists()
    command = [*WEIR, "--exit", "--json", str(figures)]
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return json.loads(figures.read_text()), done.stdout


def check(figures: Mapping[str, Any]) -> None:
    """Each request ended exactly once, and everything that the demo promises to show was there."""
    ledger, statuses = figures["ledger"], figures["statuses"]
    assert (figures["ok"], figures["problems"]) == (True, [])
    assert ledger["sent"] == ledger["terminal_events"] == sum(statuses.values()) == figures["postgres"]["rows"]
    assert not any(ledger[name] for name in ("missing", "doubled", "rows_missing", "rows_doubled"))
    assert figures["postgres"]["labelled"] == ledger["labels_sent"] > 0
    assert figures["small_key"]["statuses"]["rate_limited"] > 0
    assert {code for code, count in figures["http_codes"].items() if count} >= {"200", "401", "422", "429"}
    malformed = next(letter for letter in figures["dead_letters"] if letter["reason"] == "not_json")
    assert malformed["topic"] == "prediction-requests"
    assert malformed["offset"] >= 0
    for way in ("http", "kafka"):
        assert figures["requests"][way]["sent"] > 100
        assert 0 < figures["requests"][way]["latency_ms"]["p50"] <= figures["requests"][way]["latency_ms"]["p99"]


def nothing_runs(folder: Path) -> bool:
    return read_state(folder) is None and not any(s.process and alive(s.process) for s in recall(folder))


@pytest.mark.timeout(400)
@pytest.mark.contract("R6", "R9")
def test_without_java_the_demo_runs_on_wheels_and_survives_a_kill(folder: Path, wheel_environ: dict[str, str]) -> None:
    with Demo(folder, wheel_environ) as killed:
        check(json.loads(killed.figures.read_text()))
    figures, said = run_once(wheel_environ | TERMINAL, folder / "new" / "again.json")
    check(figures)
    assert (figures["broker"], figures["stack"]["redis"].split()[0]) == ("wheel", "wheel")
    assert "already running" in said
    assert said.count("Kafka, burst") > 2, "the table was not redrawn"
    assert "Install Java 17" in said
    assert figures["requests"]["http"]["latency_ms"]["p50"] < 700
    assert nothing_runs(folder)


@pytest.mark.real_broker
@pytest.mark.timeout(400)
@pytest.mark.contract("R6", "R9", "K2")
def test_the_demo_stays_up_for_its_visitor_and_ends_with_all_that_it_started(
    folder: Path, environ: dict[str, str]
) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = str(taken.getsockname()[1])
    with taken, Demo(folder, measured(environ) | {"PORT": port}) as demo:
        figures = json.loads(demo.figures.read_text())
        check(figures)
        assert figures["broker"] == "apache"
        assert f"{port} is taken" in demo.said
        url, header, body = demo.curl()
        name, _, api_key = header.partition(": ")
        answer = httpx.post(url, content=body, headers={name: api_key}, timeout=30)
        assert (answer.status_code, answer.json()["entity"]) == (200, "c-42")
        assert wait_until(lambda: re.search(r"ok +c-42  churn risk \d+ of 100", demo.said) is not None, 30)
        assert demo.end(signal.SIGINT) == 0
    assert nothing_runs(folder)
    assert api_key not in "".join(file.read_text() for file in (folder / "log").iterdir()) + demo.figures.read_text()
