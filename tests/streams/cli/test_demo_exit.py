"""What `weir demo` exits with, and what its file says then: a pipeline may trust either."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli.demo import INTERRUPTED, Act, demo
from streams.demo.ledger import Ledger, Rows
from streams.demo.phases import Phases
from tests.streams.demo.nowhere import platform_in

Perform = Callable[[Act, Mapping[str, str]], None]


def asked(*statuses: str) -> Ledger:
    """One stored request that ended so often."""
    ledger = Ledger()
    ledger.sent(["r-1"], "http", "generous")
    for status in statuses:
        ledger.event("r-1", status)
    ledger.rows = {"r-1": Rows(1, 0)}
    return ledger


def concludes(ledger: Ledger) -> Perform:
    """An act that has nothing to do before its conclusion."""
    return lambda act, _: act.conclude(platform_in(act.data_dir), Phases(print), ledger)


@pytest.fixture(autouse=True)
def _own_handler() -> Iterator[None]:
    """The verb takes SIGTERM for its own; pytest gets it back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, Any]]:
    def run(perform: Perform, *options: str) -> tuple[int, Any]:
        """The exit code and the figures, None where none were written."""
        monkeypatch.setattr(Act, "perform", perform)
        file = tmp_path / "figures.json"
        arguments = [*options, "--json", str(file), "--data-dir", str(tmp_path)]
        done = CliRunner().invoke(demo, arguments)
        return done.exit_code, json.loads(file.read_text()) if file.exists() else None

    return run


@pytest.mark.contract("R6")
@pytest.mark.parametrize(
    ("statuses", "code", "problems"),
    [
        ([], 1, ["1 without a terminal event: r-1"]),
        (["ok", "ok"], 1, ["1 with more than one terminal event: r-1"]),
        (["ok"], 0, []),
    ],
    ids=["lost", "doubled", "whole"],
)
def test_it_exits_with_0_only_if_every_request_ended_once_and_the_file_says_why(
    run: Callable[..., tuple[int, Any]], statuses: list[str], code: int, problems: list[str]
) -> None:
    exited, figures = run(concludes(asked(*statuses)), "--exit")
    assert exited == code
    assert (figures["ok"], figures["problems"]) == (code == 0, problems)


@pytest.mark.parametrize(("statuses", "code"), [([], 1), (["ok"], 0)], ids=["lost", "whole"])
def test_who_watches_and_leaves_with_ctrl_c_gets_the_same_verdict(
    run: Callable[..., tuple[int, Any]], statuses: list[str], code: int
) -> None:
    def left(act: Act, environ: Mapping[str, str]) -> None:
        concludes(asked(*statuses))(act, environ)
        raise KeyboardInterrupt

    assert run(left)[0] == code


def test_ctrl_c_before_the_verdict_is_no_success(run: Callable[..., tuple[int, Any]]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    assert run(interrupted, "--exit") == (INTERRUPTED, None)
