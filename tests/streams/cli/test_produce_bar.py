"""What `weir produce` shows while it sends: a bar on a terminal's standard error, nothing elsewhere."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schemas.keys import new_api_key, new_key_id
from streams.cli.produce import produce
from streams.cli.sending import BATCH
from tests.kafka import make_topic

LINES = 5 * BATCH
TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "xterm"}
"""Rich then takes whatever it writes to for a terminal."""


@pytest.fixture
def send(bootstrap: str, unique: Callable[..., str], tmp_path: Path) -> Callable[..., Result]:
    prefix, file = unique() + ".", tmp_path / "rows.jsonl"
    make_topic(bootstrap, f"{prefix}prediction-requests", 1)
    file.write_text('{"total_orders": 1}\n' * LINES)
    given = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "TOPIC_PREFIX": prefix, "WEIR_API_KEY": new_api_key(test=True)}

    def send(**more: str) -> Result:
        done = CliRunner(env={"COLUMNS": "100"} | given | more).invoke(produce, [str(file), "--key-id", new_key_id()])
        assert done.exit_code == 0, done.output
        return done

    return send


def test_a_bar_tells_how_much_of_the_file_is_sent_and_goes(send: Callable[..., Result]) -> None:
    done = send(**TERMINAL)
    percents = [int(number) for number in re.findall(r"sending .*?(\d+)%", done.stderr)]
    assert percents == sorted(percents)
    assert percents[-1] >= 100 * (LINES - BATCH) // LINES
    assert done.stderr.endswith("\x1b[2K"), "the last thing is to wipe its line"
    assert "sending" not in done.stdout


def test_without_a_terminal_nothing_is_shown(send: Callable[..., Result]) -> None:
    assert send().stderr == ""
