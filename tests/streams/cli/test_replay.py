"""`weir replay` on a results topic of this module's own, which the scorer's stage has filled."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from agents.replay import Replay
from infra import artifacts
from infra.kafka import publish
from models import onnx
from models.bundle import Bundle, read_bundle
from models.publishing import bundled
from schemas.errors import BundleRefused
from streams.cli.replay import replay
from streams.cli.replaying import LOOK_EVERY, answered_aside, followed
from tests.agents.recorded import ROWS, answered, results
from tests.kafka import make_topic
from tests.models import wild
from tests.models.graphs import NOW, declared, graph_of

pytestmark = pytest.mark.real_broker

TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "xterm"}
ASKED = [*ROWS, ROWS]


@dataclass(frozen=True)
class Past:
    """A store with two versions of m, and results of the older one."""

    given: Mapping[str, str]
    older: Bundle
    newer: Bundle

    def run(self, *arguments: str, **more: str) -> Result:
        return self.replay("--version", self.newer.version, *arguments, **more)

    def replay(self, *arguments: str, **more: str) -> Result:
        return CliRunner(env={**self.given, **more}).invoke(replay, [*arguments])

    def told(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


def published(store: str, seed: int, name: str = "m") -> Bundle:
    said, at = declared("binary"), NOW + timedelta(hours=seed)
    files = bundled(graph_of("binary", seed=seed).SerializeToString(), said, name=name, published_at=at)
    bundle = read_bundle(files)
    artifacts.publish(store, name, bundle.version, files)
    return bundle


@pytest.fixture(scope="module")
def past(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("replay")
    store, prefix = f"file://{folder}/models", f"{uuid4().hex[:12]}."
    older, newer = (published(store, seed) for seed in (0, 4))
    topic = make_topic(bootstrap, f"{prefix}prediction-results", 2)
    values = [*asyncio.run(results(older, ASKED)), b"{"]
    publish({"bootstrap.servers": bootstrap}, topic, [(b"%d" % i, value, ()) for i, value in enumerate(values)])
    given = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "TOPIC_PREFIX": prefix, "MODEL_STORE": store, "COLUMNS": "200"}
    return Past({**given, "DATA_DIR": str(folder)}, older, newer)


def test_the_model_option_alone_may_name_the_candidate(past: Past) -> None:
    done = past.replay("--from", "1h", "--model", past.older.version, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["model"], told["version"]) == ("m", past.older.version)
    assert (told["total"]["requests"], told["total"]["flips"]) == (len(ASKED), 0)


@pytest.mark.parametrize("named", [(), ("--model", "m"), ("--model", "nobody")])
def test_without_a_candidate_it_is_told_which_there_are(past: Past, named: tuple[str, ...]) -> None:
    done = past.replay("--from", "1h", *named)
    assert done.exit_code == 2
    assert "--version: name the candidate" in done.output
    assert f"m: {past.older.version}, {past.newer.version}" in done.output


def test_the_candidates_flips_are_counted_and_written_one_a_line(past: Past, tmp_path: Path) -> None:
    out = tmp_path / "flips.jsonl"
    report = past.told("--from", "1h", "--out", str(out))
    told = report["answered_by"][past.older.version]
    assert (report["model"], report["version"]) == ("m", past.newer.version)
    assert (report["results"], report["unreadable"]) == (len(ASKED) + 1, 1)
    assert (told["requests"], told["rows"], told["compared"]) == (len(ASKED), 16, 16)
    flips = [json.loads(line) for line in out.read_text().splitlines()]
    assert 0 < told["flips"] == len(flips)
    assert told["flip_ratio"] == told["flips"] / 16
    assert {flip["answered_by"] for flip in flips} == {past.older.version}
    assert {flip["entity"] for flip in flips} == {"c-42"}
    assert all(flip["answered"]["label"] != flip["candidate"]["label"] for flip in flips)
    assert {flip["row"] for flip in flips} > {0}
    assert told["difference"]["max"] >= max(flip["difference"] for flip in flips) > 0


@pytest.mark.contract("R4")
def test_a_version_on_its_own_past_differs_by_nothing(past: Past) -> None:
    report = past.told("--from", "1h", "--version", past.older.version, "--answered-by", past.older.version)
    assert report["total"]["flips"] == 0
    assert report["total"]["difference"] == {"mean": 0.0, "max": 0.0, "p99": 0.0}


def test_the_table_names_versions_flips_and_latency(past: Past) -> None:
    done = past.run("--from", "1h", "--limit", "3")
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    shown = [" ".join(line.replace("│", " ").split()) for line in done.stdout.splitlines()]
    assert "requests 3" in shown
    assert "refused by its signature 0" in shown
    assert past.older.version in done.stdout
    assert past.newer.version in done.stdout
    assert [line for line in shown if line.startswith("flip ratio") and line.endswith("%")]
    assert [line for line in shown if line.startswith("latency: a batch p50")]


def test_a_bar_follows_on_a_terminal_and_goes(past: Past) -> None:
    done = past.run("--from", "1h", "--json", **TERMINAL)
    assert "replaying" in done.stderr
    assert done.stderr.endswith("\x1b[2K"), "the last thing is to wipe its line"
    assert json.loads(done.stdout)


def test_the_bar_moves_while_nothing_is_chosen() -> None:
    told: list[int] = []
    found = Read(2 * LOOK_EVERY + 5)
    assert len(list(followed(found, told.append))) == found.read
    assert told == [LOOK_EVERY, 2 * LOOK_EVERY]


class Read:
    """A window of so many records."""

    def __init__(self, records: int) -> None:
        self.records = records
        self.read = 0

    def values(self) -> Iterator[bytes | None]:
        while self.read < self.records:
            self.read += 1
            yield None


def test_ctrl_c_ends_a_candidate_that_hangs() -> None:
    """An ONNX graph that turns round for minutes, in whose run no signal is heard."""
    features = [{"name": f"f{i}", "type": "float"} for i in range(3)]
    files = bundled(
        wild.hangs(3).SerializeToString(), declared("binary", features=features), name="m", published_at=NOW
    )
    bundle, began = read_bundle(files), Event()
    assert isinstance(bundle.scorer, onnx.Scorer)
    scorer = replace(bundle.scorer, session=Heard(bundle.scorer.session, began))
    candidate = Replay(replace(bundle, scorer=scorer), monotonic)
    interrupting = Thread(target=interrupt, args=[began], daemon=True)
    interrupting.start()
    asked_at = monotonic()
    with pytest.raises(KeyboardInterrupt):
        answered_aside(candidate, [answered("a", [0.5, 0.5], "late", features={**ROWS[0], "f0": 2 * wild.BOUND})])
    assert monotonic() - asked_at < 20
    interrupting.join()


@dataclass(frozen=True)
class Heard:
    """A session that says when it is run."""

    session: Any
    began: Event

    def run(self, *given: Any) -> Any:
        self.began.set()
        return self.session.run(*given)


def interrupt(began: Event) -> None:
    assert began.wait(30)
    os.kill(os.getpid(), signal.SIGINT)


def test_an_empty_window_is_told_what_the_topic_holds(past: Past) -> None:
    done = past.run("--from", "3d", "--to", "2d")
    assert done.exit_code == 1
    assert "nothing is recorded from 20" in done.stderr
    assert "prediction-results reaches from 20" in done.stderr


def test_answers_of_others_are_told_where_none_is_of_the_version(past: Past) -> None:
    done = past.run("--from", "1h", "--answered-by", "v7")
    assert done.exit_code == 1
    assert "no result of m answered by v7 from 20" in done.stderr
    assert f"answers there: m {past.older.version}: {len(ASKED)}" in done.stderr


def test_an_empty_topic_is_told_so(past: Past, bootstrap: str, unique: Callable[..., str]) -> None:
    prefix = unique() + "."
    make_topic(bootstrap, f"{prefix}prediction-results", 1)
    done = past.run("--from", "1h", TOPIC_PREFIX=prefix)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"nothing is recorded: {prefix}prediction-results is empty" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--version", "v7"], r"no version v7 of m .* it has: {older}, {newer}"),
        (["--model", "other"], r"no version {newer} of other .* models here: m"),
    ],
)
def test_an_unknown_model_or_version_is_answered_with_the_known(past: Past, arguments: list[str], told: str) -> None:
    done = past.run("--from", "1h", *arguments)
    assert isinstance(done.exception, BundleRefused)
    with pytest.raises(BundleRefused, match=told.format(older=past.older.version, newer=past.newer.version)):
        raise done.exception


def test_the_model_is_asked_for_where_the_store_has_several(past: Past, tmp_path: Path) -> None:
    store = f"file://{tmp_path}"
    for name in ("m", "n"):
        published(store, 4, name)
    done = past.run("--from", "1h", MODEL_STORE=store)
    assert done.exit_code == 2
    assert f"--model: {store} has m, n; name the one to replay" in done.stderr
    assert past.run("--from", "1h", "--model", "m", MODEL_STORE=store).exit_code == 0


def test_a_window_that_ends_before_it_begins_is_refused(past: Past) -> None:
    for times in (["--from", "1h", "--to", "2h"], ["--from", "9999-01-01T00:00:00Z"]):
        done = past.run(*times)
        assert done.exit_code == 2
        assert "is not before --to 20" in done.stderr


def test_flips_that_were_written_stand_until_something_is_replayed(past: Past, tmp_path: Path) -> None:
    out = tmp_path / "flips.jsonl"
    out.write_text("yesterday's")
    assert past.run("--from", "3d", "--to", "2d", "--out", str(out)).exit_code == 1
    assert out.read_text() == "yesterday's"
    past.told("--from", "1h", "--version", past.older.version, "--out", str(out))
    assert out.read_text() == "", "a version on its own past flips nothing"


def test_a_file_that_cannot_be_written_is_told(past: Past, tmp_path: Path) -> None:
    done = past.run("--from", "1h", "--out", str(tmp_path / "none" / "flips.jsonl"))
    assert done.exit_code == 1
    assert "flips.jsonl: No such file or directory" in done.stderr
