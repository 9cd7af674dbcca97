"""`weir feedback load`: reading labels, and sending them on a real broker."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agents.label import read_label
from schemas.errors import InvalidRequest, Unavailable
from schemas.feedback import Feedback
from schemas.keys import new_api_key, new_key_id
from schemas.message import Record
from streams.cli import weir
from streams.cli.feedback_load import BATCH, load_all
from streams.cli.labels import Line, read_label_table, read_labels
from streams.labels import Label, RefusedLine
from tests.agents.scorer import FakeCounters
from tests.kafka import make_topic, read_all
from tests.streams.test_client import ring_of

pytestmark = pytest.mark.contract("F1")
API_KEY, KEY_ID = new_api_key(test=True), new_key_id()
SOURCE = {"source": "load"}
LOADING_STDIN = [sys.executable, "-m", "streams.cli", "feedback", "load", "-", "--key-id", KEY_ID, "--json"]


def table(text: str | bytes) -> list[Line]:
    return list(read_label_table(io.BytesIO(text if isinstance(text, bytes) else text.encode()), SOURCE))


def labels(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [line.feedback.model_dump(exclude_unset=True) for line in lines if isinstance(line, Label)]


def wrong(lines: Sequence[Line]) -> list[tuple[int, str, str]]:
    """Number, field and what came of each refusal."""
    return [(line.line, one.field, one.got) for line in lines if isinstance(line, RefusedLine) for one in line.fields]


def test_a_csv_row_is_a_label_and_an_empty_cell_is_left_out() -> None:
    read = table("\ufefflabel,request_id,row,source\r\n1,007,,crm\r\n0,r-2,3,\r\n")
    assert labels(read) == [
        {"source": "crm", "label": 1, "request_id": "007"},
        {"source": "load", "label": 0, "request_id": "r-2", "row": 3},
    ]


def test_each_bad_row_of_a_csv_file_is_refused_by_line_and_field_and_the_others_go_on() -> None:
    rows = b"request_id,label,row\na,2,\nb,nan,\nc,,\nd,1.0,\n,1,\ne,1,-1\nf,1\n\xff,1,\ng,1,0\n"
    read = table(rows)
    assert wrong(read) == [
        (2, "label", "integer 2"),
        (3, "label", "string 'nan'"),
        (4, "label", "nothing"),
        (5, "label", "number 1.0"),
        (6, "request_id", "nothing"),
        (7, "row", "integer -1"),
        (8, "body", ""),
        (9, "request_id", "string '\\udcff'"),
    ]
    assert [label["request_id"] for label in labels(read)] == ["g"]


@pytest.mark.parametrize(("count", "last"), [(3, 5), (30_000, 14_220)], ids=["the file ends", "a cell of 128 KiB"])
def test_a_quote_without_its_end_names_all_the_lines_that_it_takes_along(count: int, last: int) -> None:
    read = table(b'request_id,label\n"r-1,1\n' + b"".join(b"r-%d,1\n" % number for number in range(count)))
    (lost,) = (line for line in read if isinstance(line, RefusedLine))
    assert lost.line == last
    assert f"nothing of lines 2 to {last} is read: is a quote missing in line 2?" in lost.fields[0].reason
    assert len(labels(read)) == count + 2 - last


def test_a_cell_of_ten_megabytes_is_one_refused_line() -> None:
    read = table(b"request_id,label\n" + b"x" * 10_000_000 + b",1\nr-2,1\n")
    assert wrong(read) == [(2, "body", "")]
    assert len(labels(read)) == 1


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("id,label", "'id,label', names no column request_id: the columns are request_id, label and"),
        ("request_id;label", "'request_id;label', names no column request_id and no column label"),
        ("a,b", "no column request_id and no column label"),
        ("request_id,label,amount", "unknown column 'amount'"),
        ("request_id,label,label", "each once: 'request_id,label,label'"),
        ("x" * 200_000 + "\nrequest_id,label", "the first row, which must name the columns, is not CSV: field larger"),
        ('"request_id,label', "is not CSV"),
    ],
)
def test_a_csv_file_of_other_columns_is_refused_before_anything_is_sent(header: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        table(f"{header}\nr-1,1,0\n")


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\n"])
def test_a_csv_file_without_any_row_is_no_table_of_labels(content: str) -> None:
    with pytest.raises(InvalidRequest, match="the file is empty: its first row must name the columns"):
        table(content)
    assert table("\nrequest_id,label\n") == []


def test_a_csv_file_in_utf16_is_told_how_it_must_be() -> None:
    with pytest.raises(InvalidRequest, match="in UTF-8"):
        table("request_id,label\nr-1,1\n".encode("utf-16"))


def test_a_line_of_ten_megabytes_is_one_refused_line() -> None:
    long = b'{"request_id": "' + b"x" * 10_000_000 + b'", "label": 1}\n'
    read = list(read_labels(io.BytesIO(long + b'\n{"request_id": "r-2", "label": 1}\n'), SOURCE))
    assert wrong(read) == [(1, "body", "")]
    assert labels(read) == [{"source": "load", "request_id": "r-2", "label": 1}]


@pytest.fixture
def environ(bootstrap: str, unique: Callable[..., str]) -> dict[str, str]:
    prefix = unique() + "."
    make_topic(bootstrap, f"{prefix}feedback", 1)
    return {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "TOPIC_PREFIX": prefix,
        "WEIR_API_KEY": API_KEY,
        "COLUMNS": "160",
    }


def run(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner(env=environ).invoke(weir, ["feedback", "load", *arguments, "--key-id", KEY_ID])


def received(environ: dict[str, str]) -> list[Feedback]:
    """What the sink reads of the topic: whatever is not rightly signed is refused."""
    topic = f"{environ['TOPIC_PREFIX']}feedback"
    ring, counters = ring_of(API_KEY, KEY_ID), FakeCounters()
    found = []
    for raw in read_all(environ["KAFKA_BOOTSTRAP_SERVERS"], topic):
        place = (topic, raw.partition(), raw.offset(), raw.timestamp()[1])
        record = Record(*place, raw.key(), raw.value(), raw.headers())
        found.append(read_label(record, keys=ring, counters=counters).feedback)
        assert raw.key() == found[-1].request_id.encode(), "of one prediction the labels keep their order"
    return found


def test_good_lines_lie_on_the_topic_signed_and_in_order_and_bad_ones_are_told(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """The same row twice is sent twice: of two that differ the later counts."""
    file, rejected = tmp_path / "labels.csv", tmp_path / "rejected.ndjson"
    file.write_text("request_id,label,observed_at\na,1,\nb,2,\na,0,2026-01-31T12:00:00Z\nc,1,yesterday\nd,1,\n")
    done = run(environ, str(file), "--json", "--source", "crm", "--rejected", str(rejected))
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    counts = {"sent": 3, "delivered": 3, "failed": 0, "refused": 2, "through_line": 6}
    assert {name: told[name] for name in counts} == counts
    assert [line["line"] for line in told["refused_lines"]] == [3, 5]
    assert [json.loads(line) for line in rejected.read_text().splitlines()] == told["refused_lines"]
    assert told["refused_lines"][0]["fields"][0] == {
        "field": "label",
        "reason": "must be 0 or 1: ground truth is kept for binary models only so far",
        "got": "integer 2",
    }
    on_topic = received(environ)
    assert [(truth.request_id, truth.label, truth.source) for truth in on_topic] == [
        ("a", 1, "crm"),
        ("a", 0, "crm"),
        ("d", 1, "crm"),
    ]
    assert on_topic[1].observed_at is not None
    assert API_KEY not in done.output


def test_labels_come_on_standard_input_and_a_whole_file_is_exit_code_0(environ: dict[str, str]) -> None:
    count = 2 * BATCH + 7
    lines = "".join(f'{{"request_id": "r-{number}", "label": {number % 2}}}\n' for number in range(count))
    done = subprocess.run(
        LOADING_STDIN, env=os.environ | environ, input=lines, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["delivered"], done.stderr) == (count, "")
    on_topic = received(environ)
    assert (len(on_topic), {truth.source for truth in on_topic}) == (count, {"load"})


def test_what_is_refused_is_told_to_people_by_line_field_and_reason(environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "labels.ndjson"
    file.write_text('{"request_id": "r-1", "label": "[bold]"}\n{"request_id": "r-2", "label": 1}\n')
    done = run(environ, str(file))
    assert done.exit_code == 1
    assert (
        "label: must be 0 or 1: ground truth is kept for binary models only so far, got string '[bold]'" in done.stdout
    )


def test_a_bar_tells_how_much_of_the_file_is_sent(environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("request_id,label\n" + "r-1,1\n" * 3 * BATCH)
    assert run(environ, str(file)).stderr == ""
    shown = run(environ | {"TTY_COMPATIBLE": "1", "TERM": "xterm"}, str(file))
    assert shown.exit_code == 0
    assert "sending" in shown.stderr
    assert "sending" not in shown.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--source", API_KEY], "and no API key"),
        (["--source", ""], "1 to 64 characters"),
        (["--rejected", "labels.csv"], "names the file that is to be read"),
        (["--rejected", "nowhere/rejected"], "No such file"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_sent(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("request_id,label\nr-1,1\n")
    done = run(environ, "labels.csv", *options)
    assert done.exit_code == 2
    assert says in done.stderr
    assert API_KEY not in done.stderr
    assert Path("labels.csv").read_text() == "request_id,label\nr-1,1\n"
    assert received(environ) == []


class FakeClient:
    """Takes batches: before one of `interrupted` is through, Ctrl-C comes; those of `down` are not confirmed."""

    def __init__(self, interrupted: Sequence[int] = (), down: Sequence[int] = ()) -> None:
        self.interrupted = interrupted
        self.down = down
        self.taken: list[int] = []
        self.is_closed = False

    async def __aenter__(self) -> "FakeClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_closed = True

    async def feedback_many(self, labels: Sequence[Feedback]) -> None:
        number = len(self.taken)
        if number in self.interrupted:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0.01)
        if number in self.down:
            raise Unavailable("kafka", "not confirmed")
        self.taken.append(len(labels))


def many(count: int) -> list[Line]:
    return [Label(number, Feedback(request_id=f"r-{number}", label=1)) for number in range(1, count + 1)]


def test_ctrl_c_ends_it_once_the_batch_under_way_is_confirmed() -> None:
    client = FakeClient(interrupted=[1])
    loaded = load_all(client, iter(many(4 * BATCH)))  # type: ignore[arg-type]
    assert client.taken == [BATCH, BATCH]
    assert client.is_closed
    assert (loaded.delivered, loaded.through_line, loaded.exit_code()) == (2 * BATCH, 2 * BATCH, 130)
    assert loaded.as_json()["stopped"] == "interrupted"


def test_a_batch_that_the_broker_does_not_confirm_ends_it_and_is_counted_as_neither() -> None:
    client = FakeClient(down=[2])
    loaded = load_all(client, iter(many(4 * BATCH)))  # type: ignore[arg-type]
    assert (loaded.sent, loaded.delivered, loaded.failed) == (3 * BATCH, 2 * BATCH, BATCH)
    assert (loaded.through_line, loaded.exit_code(), loaded.stopped) == (2 * BATCH, 1, "kafka: not confirmed")
    assert client.is_closed


def test_where_the_refused_lines_cannot_be_written_it_ends_and_says_how_far_it_got(
    environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("request_id,label\n" + "r-1,1\n" * BATCH + "r-2,2\nr-3,1\n")
    done = run(environ, str(file), "--rejected", "/dev/full", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["stopped"] == "the refused lines cannot be written: No space left on device"
    assert (told["delivered"], told["failed"], told["refused"], told["through_line"]) == (BATCH, 0, 1, BATCH + 1)


def test_ctrl_c_while_it_waits_for_standard_input_says_how_far_it_got(environ: dict[str, str]) -> None:
    """As a user sees it: one line says where it stopped, and no traceback."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(LOADING_STDIN, env=os.environ | environ, text=True, **pipes) as loading:
        assert loading.stdin is not None
        loading.stdin.write('{"request_id": "r-1", "label": 1}\n' * (BATCH + 10))
        loading.stdin.flush()
        deadline = time.monotonic() + 60
        while len(received(environ)) < BATCH:
            assert time.monotonic() < deadline
        loading.send_signal(signal.SIGINT)
        told, errors = loading.communicate(timeout=60)
    assert loading.returncode == 130, errors
    report = json.loads(told)
    assert (report["delivered"], report["through_line"], report["stopped"]) == (BATCH, BATCH, "interrupted")
    assert "Traceback" not in errors
