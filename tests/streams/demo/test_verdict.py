"""What `weir demo` concludes from its ledger."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from streams.cli.demo import Act
from streams.demo.cast import DemoKey
from streams.demo.ledger import Ledger, Rows
from streams.demo.phases import Phases
from tests.streams.demo.nowhere import API_KEY, platform_in


def concluded(ledger: Ledger, folder: Path, *, stay: bool = False) -> tuple[Act, str, dict[str, Any]]:
    """The act after its requests, what it said, and its figures."""
    out = io.StringIO()
    act = Act(Console(file=out, width=200), folder, folder / "figures.json", stay=stay)
    act.conclude(platform_in(folder), Phases(print, {"traffic": 5.0, "settle": 0.5}), ledger)
    return act, out.getvalue(), json.loads((folder / "figures.json").read_text())


def one_request() -> Ledger:
    ledger = Ledger()
    ledger.sent(["r-1"], "http", "generous")
    return ledger


def test_a_request_that_did_not_end_fails_the_demo_by_name(tmp_path: Path) -> None:
    act, said, figures = concluded(one_request(), tmp_path)
    assert act.verdict == 1
    assert "without a terminal event: r-1" in said
    assert (figures["ok"], figures["ledger"]["missing"], figures["ledger"]["rows_missing"]) == (False, 1, 1)


def test_requests_that_ended_once_pass(tmp_path: Path) -> None:
    ledger = one_request()
    ledger.event("r-1", "ok")
    ledger.rows = {"r-1": Rows(1, 0)}
    act, said, figures = concluded(ledger, tmp_path)
    assert act.verdict == 0
    assert "Each of 1 requests" in said
    assert figures["seconds"] == {"traffic": 5.0, "settle": 0.5, "total": 5.5}


@pytest.mark.contract("K2")
def test_the_key_is_shown_to_who_stays_and_stands_in_no_file(tmp_path: Path) -> None:
    _, said, figures = concluded(one_request(), tmp_path, stay=True)
    assert f"X-API-Key: {API_KEY}" in said
    assert API_KEY not in json.dumps(figures)
    assert API_KEY not in concluded(one_request(), tmp_path)[1]
    assert API_KEY not in repr(DemoKey("A" * 11, API_KEY))
