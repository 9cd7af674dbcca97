"""`weir drift report` on topics of this module's own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from infra import artifacts
from infra.kafka import publish
from models.bundle import read_bundle
from models.publishing import bundled
from schemas.sketches import CellSketch, Tick, encode_sketch
from streams.cli import weir
from tests.kafka import make_topic
from tests.models.graphs import declared, graph_of
from tests.streams.drift_report.windows import DRIFTING, values

pytestmark = pytest.mark.real_broker


@dataclass(frozen=True)
class Place:
    """A store with version `idle` of model m, and what was told of v1 and v2 of churn, who has no bundle there."""

    given: Mapping[str, str]
    idle: str

    def report(self, out: Path, *arguments: str) -> Result:
        # The windows' own time is what they are about; the records' is now.
        return CliRunner(env=self.given).invoke(weir, ["drift", "report", "--out", str(out), *arguments])


@pytest.fixture(scope="module")
def place(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("drift")
    store, prefix = f"file://{folder}/models", f"{uuid4().hex[:12]}."
    files = bundled(
        graph_of("binary").SerializeToString(), declared("binary"), name="m", published_at=datetime.now(UTC)
    )
    idle = read_bundle(files).version
    artifacts.publish(store, "m", idle, files)
    told = [*values([0.0, 0.0, 0.0], "v1"), *values([0.0, 1.0, 1.0, 1.0], "v2")]
    rows = [
        CellSketch("m", idle, "results", 0, cell, last, {}, {0: count, 10_000: 1})
        for cell, last, count in ((0, 100, 99), (0, 255, 240), (1, 300, 40), (0, 200, 180))
    ]
    said = {
        "drift-windows": [value for kind, value in told if kind == "window"],
        "drift-events": [value for kind, value in told if kind == "event"] + [b"no event"],
        "feature-sketches": [*map(encode_sketch, rows), encode_sketch(Tick(5))],
    }
    for topic, lines in said.items():
        name = make_topic(bootstrap, prefix + topic, 1)
        publish({"bootstrap.servers": bootstrap}, name, [(b"k", value, ()) for value in lines])
    return Place({"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "TOPIC_PREFIX": prefix, "MODEL_STORE": store}, idle)


def test_the_version_of_the_latest_window_is_reported(place: Place, tmp_path: Path) -> None:
    done = place.report(tmp_path / "report.html", "--model", "churn")
    assert done.exit_code == 0, done.output
    assert f"churn v2, 4 windows; drifting: {DRIFTING}" in done.stdout
    assert "1 records were passed over" in done.stderr
    html = (tmp_path / "report.html").read_text()
    assert "<code>v2</code>" in html
    assert f"Drifting now: <b>{DRIFTING}</b>" in html
    assert "the model store has no such version" in html


def test_for_a_script_the_same_is_json(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    done = place.report(out, "--model", "churn", "--json")
    said = {"model": "churn", "model_version": "v2", "windows": 4, "drifting": [DRIFTING], "passed_over": 1}
    assert json.loads(done.stdout) == {"out": str(out), **said}


def test_another_version_can_be_named(place: Place, tmp_path: Path) -> None:
    done = place.report(tmp_path / "r.html", "--model", "churn", "--version", "v1")
    assert "churn v1, 3 windows; drifting: nothing" in done.stdout


def test_before_the_first_window_it_tells_how_many_rows_have_come(place: Place, tmp_path: Path) -> None:
    done = place.report(tmp_path / "r.html", "--model", "m")
    assert done.exit_code == 0, done.output
    html = (tmp_path / "r.html").read_text()
    assert "No window yet: 282 of 1000 rows have come (28%)" in html
    assert "elsewhere: there is no reference to compare with" in html


def test_an_unknown_model_answers_with_the_known_ones(place: Place, tmp_path: Path) -> None:
    done = place.report(tmp_path / "r.html", "--model", "fraud")
    assert done.exit_code == 1
    assert "nothing is known of model 'fraud'; known are churn, m" in done.output
    assert not (tmp_path / "r.html").exists()


def test_an_unknown_version_answers_with_the_known_ones(place: Place, tmp_path: Path) -> None:
    done = place.report(tmp_path / "r.html", "--model", "churn", "--version", "v9")
    assert done.exit_code == 1
    assert "nothing is known of version 'v9' of churn; known are v1, v2" in done.output


def test_a_file_that_cannot_be_written_is_named(place: Place, tmp_path: Path) -> None:
    done = place.report(tmp_path / "no" / "r.html", "--model", "churn")
    assert done.exit_code == 1
    assert "r.html: No such file or directory" in done.output
