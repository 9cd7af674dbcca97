"""`weir drift tail` and `show` on a topic and a database of a test's own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Queue
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from infra.database import PostgresStore, create_db_engine, init_db
from infra.kafka import publish
from schemas.drift_events import Bin, DriftEvent, encode_drift, read_drift
from schemas.stored import Position
from streams.cli import weir
from streams.cli.drift_case import bar, print_episode
from streams.cli.drift_tail import line
from tests.e2e.workers import ROOT
from tests.infra.database.told import CASE, step
from tests.kafka import make_topic
from tests.stack import measured

pytestmark = pytest.mark.real_broker

Tell = Callable[..., None]
WAIT_S = 30.0


@pytest.fixture
def tell(environ: dict[str, str]) -> Tell:
    """Puts events, or other bytes, on the topic."""
    bootstrap = environ["KAFKA_BOOTSTRAP_SERVERS"]
    topic = make_topic(bootstrap, environ["TOPIC_PREFIX"] + "drift-events", 3)

    def tell(*values: DriftEvent | bytes) -> None:
        bodies = [value if isinstance(value, bytes) else encode_drift(value) for value in values]
        publish({"bootstrap.servers": bootstrap}, topic, [(b"m:spent", body, ()) for body in bodies])

    return tell


def steps(count: int, **changes: str) -> list[DriftEvent]:
    return [step(str(uuid4()), **changes) for _ in range(count)]


class Tail:
    """A running `weir drift tail`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self._lines.put(text)

    def line(self, wait_s: float = WAIT_S) -> str:
        return self._lines.get(timeout=wait_s)

    def interrupt(self) -> tuple[int, str]:
        """Exit code and what stood on standard error."""
        assert self.process.stderr is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WAIT_S), self.process.stderr.read()


@contextmanager
def tailing(*options: str) -> Iterator[Tail]:
    command = [sys.executable, "-m", "streams.cli", "drift", "tail", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=measured(os.environ), **pipes) as process:  # type: ignore[call-overload]
        try:
            yield Tail(process)
        finally:
            process.kill()


@pytest.mark.contract("D3")
def test_tail_tells_what_was_told_since_and_what_comes_until_it_is_interrupted(tell: Tell) -> None:
    early, events = steps(1), steps(3)
    tell(*early)
    since = datetime.now(UTC).isoformat()
    tell(*events[:2])
    with tailing("--from", since, "--json") as tail:
        assert [read_drift(tail.line().encode()) for _ in range(2)] == events[:2]
        tell(events[2])
        assert read_drift(tail.line().encode()) == events[2]
        assert tail.interrupt() == (0, "")


@pytest.mark.contract("D3")
def test_tail_of_a_model_passes_over_other_models_and_says_what_is_no_event(tell: Tell) -> None:
    ours, others = steps(1, model="ours"), steps(2)
    tell(*others, b"nonsense\x1b[2J", *ours)
    with tailing("--from", "1h", "--model", "ours") as tail:
        assert tail.line() == line_without_color(ours[0])
        code, said = tail.interrupt()
    assert code == 0
    assert "drift-events[" in said
    assert "not a drift event" in said
    assert "\x1b" not in said


def test_tail_begins_now_unless_it_is_told_otherwise(tell: Tell) -> None:
    tell(*steps(5))
    later = steps(1)
    with tailing("--json") as tail:
        told = threading.Event()

        def repeat() -> None:
            """It is not known from outside when it stands at the end."""
            while not told.wait(0.2):
                tell(*later)

        thread = threading.Thread(target=repeat)
        thread.start()
        try:
            assert read_drift(tail.line().encode()) == later[0]
        finally:
            told.set()
            thread.join(WAIT_S)


def line_without_color(event: DriftEvent) -> str:
    return line(event).replace("\x1b[31m", "").replace("\x1b[0m", "") + "\n"


def test_a_line_says_when_what_how_much_since_when_and_why() -> None:
    event = step("e-1", "worsened", 5, 3, severity="critical", cause="single_producer", source="aaaaaaaaaaa")
    assert line_without_color(event) == (
        "2026-03-01T12:35:00Z worsened critical m v1 spent: 31% of the rows moved (ks, distance 0.31, p 1e-09), "
        "since 2026-03-01T12:29:00Z, likely single producer aaaaaaaaaaa; e-1\n"
    )
    nothing = replace(CASE, p_value=None, distance=None, effect=0.0)
    assert "0% of the rows moved (ks), since" in line(step("e-1", drift_result=nothing))


def shown(*arguments: str) -> Result:
    return CliRunner().invoke(weir, ["drift", "show", *arguments])


@pytest.mark.contract("D3")
def test_an_episode_is_shown_from_the_topic_while_postgres_is_away(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")
    likely = {"cause": "broad_shift"}
    told = [step("e-1"), step("e-1", "worsened", 5, 3, **likely), step("e-1", "resolved", 9, 3, **likely)]
    tell(*steps(2), told[0], told[0], b"nonsense", *told[1:])
    result = shown("e-1")
    assert result.exit_code == 0, result.output
    assert "not from Postgres" in result.stderr
    assert "secret" not in result.stderr
    for fact in (
        "feature spent of m v1, warning, is over", "opened", "worsened", "resolved", "likely broad shift",
        "since 2026-03-01T12:29:00Z, 3 windows drifted", "told at 2026-03-01T12:35:00Z", "above 90", "20.0%",
        "missing: 20.0% of the rows, in training 1.0%", "weight of spent", "0.00227",
    ):  # fmt: skip
        assert fact in result.stdout
    assert result.stdout.count("opened") == 1
    assert [read_drift(json.dumps(one).encode()) for one in json.loads(shown("e-1", "--json").stdout)] == told


@pytest.mark.contract("D3", "F3")
async def test_an_episode_that_the_topic_keeps_no_more_is_shown_from_postgres(
    tell: Tell, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    engine = create_db_engine(database_url)
    init_db(engine)
    event = step(str(uuid4()), drift_result=replace(CASE, bins=(Bin("category", 1, 9, label="gift\x1b[31m[red]"),)))
    await PostgresStore(engine, {"t": "t"}).save_events([event], [Position("t", 0, 1)])
    engine.dispose()
    result = await asyncio.to_thread(shown, event.event_id)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert "gift\ufffd[31m[red]" in result.stdout


@pytest.mark.contract("D3")
@pytest.mark.parametrize("unknown", ["none", "a\x1b[2J", "sk_live_" + "a" * 43])
def test_an_unknown_id_is_answered_with_what_to_do(
    tell: Tell, database_url: str, monkeypatch: pytest.MonkeyPatch, unknown: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    result = shown(unknown)
    assert result.exit_code == 1
    assert "`weir drift tail --from 30d` shows the ids" in result.stderr
    assert "\x1b" not in result.stderr
    assert "a" * 43 not in result.stderr


def test_the_bin_below_a_minimum_of_0_is_named_so(capsys: pytest.CaptureFixture[str]) -> None:
    bins = (Bin("below", 0, 5, high=-1e-45), Bin("within", 100, 95, -1e-45, 2.5), Bin("above", 0, 0, low=2.5))
    print_episode([replace(step("e1"), drift_result=replace(CASE, bins=bins))])
    said = capsys.readouterr().out
    assert "below 0 " in said
    assert "e-45" not in said


def test_of_many_bins_alike_the_one_that_grew_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    alike = tuple(Bin("category", 10, 5, label=f"c{i:02d}") for i in range(60))
    print_episode(
        [replace(step("e1"), drift_result=replace(CASE, bins=(*alike, Bin("category", 10, 300, label="grew"))))]
    )
    shown = capsys.readouterr().out
    assert "grew" in shown
    assert "more with smaller shares" in shown


def test_the_longest_bar_is_the_largest_share_and_the_smallest_is_seen() -> None:
    assert [bar(share, 0.5) for share in (0.5, 0.25, 0.0, 1e-9)] == ["█" * 20, "█" * 10, "", "▏"]
    assert bar(0.0, 0.0) == ""
