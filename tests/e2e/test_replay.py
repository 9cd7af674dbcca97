"""The champion on its own past, by the commands of docs/routing.md: what was answered comes out to the same bits."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.shell import shell
from tests.e2e.cases import Customers
from tests.e2e.platform import Platform

pytestmark = pytest.mark.real_broker

PAGE = (Path(__file__).parents[2] / "docs/routing.md").read_text()


def commands(version: str) -> list[str]:
    [block] = re.findall(r"## Before any traffic: replay.*?```sh\n(.*?)```", PAGE, re.DOTALL)
    return [re.sub("VERSION|CHAMPION", version, line.partition("#")[0]) for line in block.splitlines()]


def kept(platform: Platform, version: str) -> list[Any]:
    """What the version has answered, in whatever test."""
    events = [event.body for event in platform.tap("prediction-results").to_end()]
    return [event for event in events if event.get("status") == "ok" and event["model_version"] == version]


@pytest.mark.contract("R4")
def test_a_champion_flips_nothing_of_its_own_past(platform: Platform, customers: Customers, tmp_path: Path) -> None:
    key = platform.create_key(rate_limit=1000, burst=1000)
    asked = [platform.upstream.ask(key, customers(number), entity=f"c-{number}") for number in range(20)]
    asked.append(platform.upstream.ask(key, [customers(number) for number in range(30)]))
    platform.upstream.ask(key, {**customers(0), "total_orders": -1})
    platform.upstream.flush()
    [version] = {platform.result(request_id)["model_version"] for request_id in asked}
    given = {name: value for name, value in platform.environment.items() if name != "PATH"}
    run = shell(tmp_path, given, without=[])
    reports = [json.loads(run(f"{line} --json")) for line in commands(version)]
    answered = kept(platform, version)
    for report in reports:
        assert list(report["answered_by"]) == [version]
        told = report["total"]
        assert told["requests"] == len(answered) >= len(asked)
        assert told["rows"] == told["compared"] == sum(len(event.get("rows", "1")) for event in answered)
        assert (told["flips"], told["flip_ratio"], told["unanswered"], told["incomparable"]) == (0, 0.0, 0, 0)
        assert told["difference"] == {"mean": 0.0, "max": 0.0, "p99": 0.0}
        assert report["latency"]["row_ms"]["p99"] > 0
    assert (tmp_path / "flips.jsonl").read_text() == ""
