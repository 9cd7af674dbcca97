"""The benchmark as a command: it runs, and writes what it promises. Its figures are nobody's business here."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from infra.local.stack import RunningStack
from tests.bench.place import ROOT
from tests.stack import unmeasured

COMMAND = [sys.executable, "-m", "tests.bench"]
TINY = (
    "--quick --repeats 1 --requests 2000 --stock-records 200 --loop-records 4000 --seconds 0.2 --memory-records 1000 "
    "--admission-batches 3"
)


@pytest.mark.real_broker
@pytest.mark.timeout(150)
def test_one_run_measures_every_part_and_writes_its_figures(stack: RunningStack, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [*COMMAND, *TINY.split(), "--json", str(figures)]
    environment = {**unmeasured(os.environ), **stack.environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=140, check=False)
    assert done.returncode == 0, done.stderr
    found = orjson.loads(figures.read_bytes())
    assert found["drain"].keys() >= {"weir on Faust", "weir on the bare host", "stock Faust agent"}
    assert {name: ratio["target"] for name, ratio in found["ratios"].items()} == {
        "weir / stock Faust": 20.0,
        "weir / bare loop": 0.25,
        "weir, a process per core / stock Faust": 20.0,
    }
    assert found["drain"]["weir on Faust"]["records"] == 2000
    assert found["sink"]["rows_per_s"]["median"] > 0
    assert [(one["via"], one["callers"]) for one in found["roundtrip"]] == [
        *(("kafka", callers) for callers in (1, 10, 50, 200)),
        *(("http", callers) for callers in (1, 10, 50)),
    ]
    admission = found["admission"]
    targets = {"limiter": 100_000, "stage": 60_000, "singly": None}
    assert {name: rates["target"] for name, rates in admission.items()} == targets
    assert all(rates["median"] > 0 for rates in admission.values())
    assert found["memory"]["growth"].keys() >= {"scorer", "sink", "gateway"}
    assert found["machine"].keys() >= {"cores", "python", "faust-streaming", "onnxruntime", "kafka"}
    assert "round trip" in done.stdout


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
    assert "known are drain, sink, roundtrip, memory, admission" in done.stderr
