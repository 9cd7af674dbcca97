"""The benchmark as a command: it runs, and writes what it promises. Its figures are nobody's business here."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from infra.local.stack import RunningStack
from models.pipelines import ALGORITHMS
from tests.bench.load import Seen
from tests.bench.options import PARTS
from tests.bench.place import ROOT
from tests.bench.switching import Window, windows

COMMAND = [sys.executable, "-m", "tests.bench"]
TINY = (
    "--quick --repeats 1 --requests 1000 --stock-records 200 --loop-records 4000 --seconds 0.2 --memory-records 200 "
    "--memory-looks 2 --admission-batches 3 --routing-records 100 --routing-rounds 1 --switches 1 --forest-rows 400 "
    "--shadow-rounds 1 --shadow-warm-up 1 --drift-rows 1000 --thousand-rows 1000 --drift-seeds 1 --labels 200 "
    "--retraining-rows 400"
)


@pytest.mark.real_broker
@pytest.mark.timeout(240)
def test_one_run_measures_every_part_and_writes_its_figures(stack: RunningStack, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [*COMMAND, *TINY.split(), "--json", str(figures)]
    environment = {**os.environ, **stack.environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=230, check=False)
    assert done.returncode == 0, done.stderr
    found = orjson.loads(figures.read_bytes())
    assert found["drain"].keys() >= {"weir on Faust", "weir on the bare host", "stock Faust agent"}
    assert {name: ratio["target"] for name, ratio in found["ratios"].items()} == {
        "weir / stock Faust": 20.0,
        "weir / bare loop": 0.25,
        "weir, a process per core / stock Faust": 20.0,
    }
    assert found["drain"]["weir on Faust"]["records"] == 1000
    assert found["sink"]["rows_per_s"]["median"] > 0
    assert found["sink"]["target"] == 20_000
    check_learning(found)
    assert [(one["via"], one["callers"]) for one in found["roundtrip"]] == [
        *(("kafka", callers) for callers in (1, 10, 50, 200)),
        *(("http", callers) for callers in (1, 10, 50)),
    ]
    admission = found["admission"]
    targets = {"limiter": 100_000, "stage": 60_000, "singly": None}
    assert {name: rates["target"] for name, rates in admission.items()} == targets
    assert all(rates["median"] > 0 for rates in admission.values())
    assert found["memory"]["growth"].keys() >= {"scorer", "sink", "gateway"}
    check_routing(found)
    check_drift(found["drift"])
    assert found["machine"].keys() >= {"cores", "python", "faust-streaming", "onnxruntime", "kafka"}
    assert "round trip" in done.stdout


def check_learning(found: Any) -> None:
    labels, retraining = found["labels"], found["retraining"]
    assert {when: rates["target"] for when, rates in labels.items()} == {
        "after its answer": 10_000,
        "before its answer": 10_000,
    }
    assert all(rates["median"] > 0 and rates["by_the_clock"]["median"] > 0 for rates in labels.values())
    assert (retraining["rows"], retraining["target"]) == (400, 60)
    assert retraining["algorithm"] in ALGORITHMS
    assert retraining["seconds"] > 0 < retraining["cpu_s"]


def check_drift(found: Any) -> None:
    assert found["rows_per_s"].keys() == {"scorer", "sketching", "watching"}
    assert all(rate["median"] > 0 for rate in found["rows_per_s"].values())
    assert (found["to_scorer"]["target"], found["merging_ms"]["target"], found["thousand_mib"]["target"]) == (
        1,
        50,
        200,
    )
    assert all(found[name]["median"] > 0 for name in ("to_scorer", "merging_ms", "thousand_mib"))
    assert found["onsets"] == 1
    assert found["false_alarms_per_million"] >= 0


def check_routing(found: Any) -> None:
    targets = {name: one["target"] for name, one in found["routing"].items()}
    sharing = ("canary 0.1", "blue_green", "shadow, mirror 0", "ab 0.5", "champion_challenger", "bandit of 3")
    shown = ("champion", "champion again", "shadow, mirror 1")
    assert targets == {**dict.fromkeys(shown), **dict.fromkeys(sharing, 0.05)}
    assert all(one["ratio"]["median"] > 0 for one in found["routing"].values())
    assert all(found["routing"][name]["score_us"] > 0 for name in ("champion", *sharing))
    assert found["routing"]["champion"]["added"] in (0, None)  # so few records take less than a tick of the clock
    assert found["switch"].keys() == {"two at hand", "small, loaded anew", "forest, loaded anew"}
    assert all(one["full_batch_ms"] > 0 and one["longest_in_batches"] > 0 for one in found["switch"].values())
    assert (found["shadow"]["shadow off"]["copies_answered"], found["shadow"]["p99_target"]) == (0, 1.1)
    assert found["shadow"]["shadow at 100 %"]["copies_answered"] > 0


def test_without_a_real_broker_it_says_what_to_install_and_exits_2() -> None:
    bare = {name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP_SERVERS"}
    command, environment = [*COMMAND, "--quick"], {**bare, "WEIR_STACK": "wheel"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Java 17" in done.stderr


def test_an_unknown_part_is_refused_with_the_known_ones() -> None:
    command = [*COMMAND, "--only", "drain,speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"known are {', '.join(PARTS)}" in done.stderr


def test_a_pause_counts_where_it_begins_and_every_other_part_of_a_stream_has_a_switch() -> None:
    times = {1000: 3, 1010: 3, 1120: 90, 1125: 4, 1230: 80, 1240: 2}
    seen = [Seen(at, b'{"latency_ms": %d}' % latency) for at, latency in times.items()]
    assert windows(seen, [1000, 1100, 1200]) == [Window(False, 110, 90), Window(True, 105, 80), Window(False, 10, 2)]
