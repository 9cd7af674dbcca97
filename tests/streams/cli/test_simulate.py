import io
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from schemas.errors import InvalidRequest
from streams.cli import weir
from streams.cli.lines import Reading, read_jsonl
from streams.client import Ask


def run(*arguments: str) -> Result:
    return CliRunner().invoke(weir, ["simulate", *arguments])


def test_every_line_is_a_request_that_produce_takes() -> None:
    result = run("--rows", "20", "--drift", "total_orders", "--model", "churn")
    assert result.exit_code == 0
    asks = list(read_jsonl(io.BytesIO(result.stdout_bytes), Reading()))
    assert len(asks) == 20
    assert all(isinstance(ask, Ask) and ask.model == "churn" and ask.entity for ask in asks)


def test_the_same_seed_prints_the_same_lines(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    assert run("--rows", "50", "--seed", "3", "--out", str(file)).exit_code == 0
    assert file.read_bytes() == run("--rows", "50", "--seed", "3").stdout_bytes
    assert file.read_bytes() != run("--rows", "50", "--seed", "4").stdout_bytes


def test_the_drift_begins_after_the_row_that_is_named_and_at_half_of_them_otherwise() -> None:
    usual = [orjson.loads(line) for line in run("--rows", "8").stdout_bytes.splitlines()]
    for options, at in ((("--at", "3"), 3), ((), 4)):
        drift = run("--rows", "8", "--drift", "total_orders", *options).stdout_bytes.splitlines()
        same = [a == orjson.loads(b) for a, b in zip(usual, drift, strict=True)]
        assert same == [True] * at + [False] * (8 - at)


def test_many_rows_are_written_in_parts_without_a_gap() -> None:
    lines = run("--rows", "5003").stdout_bytes.splitlines()
    assert [orjson.loads(line)["entity"] for line in lines] == [f"customer-{i + 1}" for i in range(5003)]


def test_an_unknown_feature_answers_with_the_known_ones() -> None:
    result = run("--drift", "age")
    assert isinstance(result.exception, InvalidRequest)
    assert "known are customer_age_days" in str(result.exception)


@pytest.mark.parametrize(("options", "reason"), [
    (("--at", "5"), "--drift"),
    (("--rows", "5", "--drift", "total_orders", "--at", "5"), "only 5 rows"),
])  # fmt: skip
def test_a_drift_that_could_not_be_seen_is_refused(options: tuple[str, ...], reason: str) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert reason in result.output
