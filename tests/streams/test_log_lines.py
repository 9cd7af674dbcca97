"""Log lines that machines read."""

import json
import logging
import subprocess
import sys

import pytest

from schemas.keys import new_api_key
from streams.log_lines import JsonLines


def test_a_log_line_is_one_json_object_with_role_data_and_exception() -> None:
    try:
        raise ZeroDivisionError("a\nb")
    except ZeroDivisionError:
        record = logging.LogRecord("weir", logging.ERROR, "", 0, "it %s", ("broke",), sys.exc_info())
    record.data = {"request_id": "r-1"}
    line = JsonLines("scorer").format(record)
    assert "\n" not in line
    parsed = json.loads(line)
    assert (parsed["role"], parsed["message"], parsed["request_id"]) == ("scorer", "it broke", "r-1")
    assert "ZeroDivisionError" in parsed["exception"]


@pytest.mark.contract("K2")
def test_no_log_line_holds_a_key_whoever_logs() -> None:
    api_key = new_api_key()
    try:
        raise ValueError(f"could not read {api_key}")
    except ValueError:
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "from %r", (api_key,), sys.exc_info())
    record.data = {"request_id": api_key}
    line = JsonLines("gateway").format(record)
    assert api_key[8:16] not in line
    assert line.count("sk_live_…") == 3


def test_a_librarys_warning_is_a_log_line_too() -> None:
    code = (
        "import warnings; from streams.log_lines import configure_logging\n"
        "configure_logging('scorer', 'INFO'); warnings.warn('overflow encountered', RuntimeWarning)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    [line] = ended.stderr.splitlines()
    told = json.loads(line)
    assert (told["level"], told["role"], "overflow encountered" in told["message"]) == ("WARNING", "scorer", True)
