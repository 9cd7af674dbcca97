"""`weir produce`: reading files, and sending them on a real broker."""

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from rich.console import Console

from infra.local.stack import RunningStack
from schemas import headers as h
from schemas.errors import BadSettings, InvalidRequest
from schemas.keys import new_api_key, new_key_id
from schemas.result import PredictionResult, ResultError, Status
from schemas.wire import decode
from streams.cli.files import Bad, typed
from streams.cli.lines import Reading, read_csv, read_jsonl
from streams.cli.produce import produce, send_all
from streams.cli.sent import Sent
from streams.client import Ask, WeirClient
from streams.settings import Settings
from tests.streams.gateway.echo import Echo, echoing, eventually, topics_on
from tests.streams.test_client import ring_of


def result(status: Status, message: str | None = None) -> PredictionResult:
    now = datetime.now(UTC)
    error = None if message is None else ResultError(code=status, message=message)
    return PredictionResult(
        request_id="r-1", entity="c-1", status=status, error=error, latency_ms=1.0, requested_at=now, scored_at=now
    )


def jsonl(*lines: str, reading: Reading | None = None) -> list[Ask | Bad]:
    return list(read_jsonl(io.BytesIO("\n".join(lines).encode()), reading or Reading()))


def table(text: str, reading: Reading | None = None) -> list[Ask | Bad]:
    return list(read_csv(io.BytesIO(text.encode()), reading or Reading()))


def test_a_jsonl_line_is_bare_features_or_a_whole_request() -> None:
    assert jsonl(
        '{"total_orders": 3}',
        "",
        '{"entity": "c-1", "model": "m", "features": {"a": 1}}',
        '{"rows": [{"a": 1}, {"a": 2}]}',
        reading=Reading(model="churn"),
    ) == [
        Ask({"total_orders": 3}, None, "churn"),
        Ask({"a": 1}, "c-1", "m"),
        Ask([{"a": 1}, {"a": 2}], None, "churn"),
    ]


def test_the_entity_field_is_no_feature() -> None:
    reading = Reading(entity_field="id")
    assert jsonl('{"id": "c-1", "a": 1}', '{"id": 17, "a": 1}', reading=reading) == [
        Ask({"a": 1}, "c-1"),
        Ask({"a": 1}, "17"),
    ]
    assert table("id,a\n007,1\n", reading) == [Ask({"a": 1}, "007")]


def test_bad_lines_are_named_with_number_and_reason_and_the_others_go_on() -> None:
    lines = jsonl('{"a": 1}', "{", "[1]", '{"a": 1}x', '{"entity": "", "features": {}}', '{"features": 1}', '{"a": 2}')
    bad = [line for line in lines if isinstance(line, Bad)]
    assert [line.line for line in bad] == [2, 3, 4, 5, 6]
    assert "not JSON" in bad[0].reason
    assert "entity must be" in bad[3].reason
    assert [line for line in lines if isinstance(line, Ask)] == [Ask({"a": 1}), Ask({"a": 2})]


def test_a_line_longer_than_a_body_is_one_bad_line() -> None:
    lines = jsonl('{"a": "' + "x" * 3 * 1024 * 1024 + '"}', '{"a": 1}')
    assert isinstance(lines[0], Bad)
    assert lines[1:] == [Ask({"a": 1})]


def test_a_csv_row_is_typed_by_how_its_cells_look() -> None:
    assert table("a,b,c,d\n3,0.5,tools,\n-1,1e3,007,x\n") == [
        Ask({"a": 3, "b": 0.5, "c": "tools"}),
        Ask({"a": -1, "b": 1000.0, "c": "007", "d": "x"}),
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0), ("+5", 5), ("-0.5", -0.5), (".5", 0.5), ("1.", 1.0), ("1e-3", 0.001),
        ("007", "007"), ("1_000", "1_000"), ("nan", "nan"), ("inf", "inf"), ("0x10", "0x10"),
        ("true", "true"), ("٣", "٣"), ("1" * 30, "1" * 30),
    ],
)  # fmt: skip
def test_cells_that_look_like_no_number_stay_text(cell: str, value: Any) -> None:
    assert typed(cell) == value
    assert type(typed(cell)) is type(value)


def test_a_byte_order_mark_at_the_beginning_of_a_file_is_no_part_of_its_first_line() -> None:
    assert jsonl('\ufeff{"a": 1}', '\ufeff{"a": 2}') == [
        Ask({"a": 1}),
        Bad(2, "the body begins with a byte order mark: send JSON as UTF-8 without one"),
    ]


def test_a_csv_row_of_another_length_or_not_utf8_is_a_bad_line() -> None:
    rows = list(read_csv(io.BytesIO(b"a,b\n1\n1,2\n1,\xff\n"), Reading()))
    assert [row.line for row in rows if isinstance(row, Bad)] == [2, 4]


def test_a_csv_header_must_name_every_column_once() -> None:
    for header in ("a,a", "a,"):
        with pytest.raises(InvalidRequest, match="first row"):
            table(f"{header}\n1,2\n")


def test_a_csv_from_a_spreadsheet_with_quotes_and_a_byte_order_mark_is_read() -> None:
    assert table('\ufeffa,b\r\n1,"x, ""y""\nz"\r\n') == [Ask({"a": 1, "b": 'x, "y"\nz'})]


@pytest.fixture(scope="module")
def settings(stack: RunningStack) -> Settings:
    return topics_on(stack, "produce-test-")


def environment(settings: Settings) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "TOPIC_PREFIX": settings.topic_prefix,
    }


API_KEY, KEY_ID = new_api_key(test=True), new_key_id()


@pytest.fixture
async def echo(settings: Settings) -> AsyncIterator[Echo]:
    async with echoing(settings, ring_of(API_KEY, KEY_ID)) as echo:
        yield echo


async def test_results_are_counted_by_status(settings: Settings, echo: Echo) -> None:
    lines: list[Ask | Bad] = [*(Ask({"n": n}, f"c-{n}") for n in range(1200)), Bad(7, "not JSON")]
    client = WeirClient(api_key=API_KEY, key_id=KEY_ID, settings=settings)
    sent = (await send_all(client, iter(lines), 20)).as_json()
    bad = [{"line": 7, "reason": "not JSON"}]
    counts = {"sent": 1200, "delivered": 1200, "failed": 0, "bad": 1, "bad_lines": bad}
    assert sent == counts | {"results": {"ok": 1200}, "reasons": {}, "unanswered": 0}


@pytest.mark.parametrize("as_json", [False, True])
async def test_who_is_refused_is_told_why(settings: Settings, echo: Echo, tmp_path: Path, as_json: bool) -> None:
    """As a user runs it, with a key that the platform does not know."""
    file = tmp_path / "two.jsonl"
    file.write_text('{"total_orders": 1}\n{"total_orders": 2}\n')
    command = [sys.executable, "-m", "streams.cli", "produce", str(file), "--key-id", KEY_ID, "--wait"]
    environ = os.environ | environment(settings) | {"WEIR_API_KEY": new_api_key(test=True), "COLUMNS": "200"}
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, *(["--json"] if as_json else [])],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    if as_json:
        report = json.loads(done.stdout)
        assert report["results"] == {"unauthorized": 2}
        assert "signature" in report["reasons"]["unauthorized"]
    else:
        assert re.search(r"result unauthorized\W+2\W.*signature", done.stdout)


def test_a_run_is_whole_where_every_result_is_ok_and_the_first_reason_stands_for_its_status() -> None:
    sent = Sent()
    sent.count_results([result("ok")])
    assert sent.is_whole()
    sent.count_results(
        [result("invalid", "age: [bold]not a number"), result("invalid", "another"), result("expired", "late")]
    )
    assert not sent.is_whole()
    assert sent.as_json()["reasons"] == {"invalid": "age: [bold]not a number", "expired": "late"}
    console = Console(width=120, file=io.StringIO())
    console.print(sent.table())
    assert "age: [bold]not a number" in cast(io.StringIO, console.file).getvalue()


async def test_unanswered_requests_are_counted(settings: Settings, echo: Echo) -> None:
    echo.mute = True
    client = WeirClient(api_key=API_KEY, key_id=KEY_ID, settings=settings)
    sent = await send_all(client, iter([Ask({"n": 1})]), 0.3)
    assert (sent.unanswered, sent.is_whole()) == (1, False)


async def test_the_command_sends_a_csv_file(settings: Settings, echo: Echo, tmp_path: Path) -> None:
    """As a user runs it; the key comes from the environment."""
    file = tmp_path / "customers.csv"
    file.write_text("customer,total_orders\nc-1,3\nc-2,x,\nc-3,4\n")
    command = [sys.executable, "-m", "streams.cli", "produce", str(file), "--key-id", KEY_ID, "--json"]
    environ = os.environ | environment(settings) | {"WEIR_API_KEY": API_KEY}
    done = subprocess.run(
        [*command, "--entity-field", "customer"], env=environ, capture_output=True, text=True, timeout=60
    )
    report = json.loads(done.stdout)
    assert (report["sent"], report["delivered"], report["bad"]) == (2, 2, 1)
    assert report["bad_lines"] == [{"line": 3, "reason": "3 cells under 2 columns"}]
    assert done.returncode == 1
    assert API_KEY not in done.stdout + done.stderr
    await eventually(lambda: len(echo.seen) == 2)
    bodies = {record.key: decode(record.value)["features"] for record in echo.seen}
    assert bodies == {b"c-1": {"total_orders": 3}, b"c-3": {"total_orders": 4}}
    assert {dict(record.headers)[h.KEY_ID].decode() for record in echo.seen} == {KEY_ID}


def test_the_key_may_come_on_standard_input(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text('{"total_orders": 1}\n')
    done = CliRunner(env=environment(settings)).invoke(produce, [str(file), "--key-id", KEY_ID], input=f"{API_KEY}\n")
    assert done.exit_code == 0, done.output
    assert "delivered" in done.stdout


def test_without_a_key_it_says_where_to_put_one(tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text("{}\n")
    done = CliRunner(env={"WEIR_API_KEY": ""}).invoke(produce, [str(file), "--key-id", KEY_ID], input="")
    assert isinstance(done.exception, BadSettings)
    assert "WEIR_API_KEY" in str(done.exception)
