import json

import pytest

from schemas.alerts import alert_of, encode_alert, read_alert, slack_message
from schemas.errors import Undecodable
from tests.agents.alerts import event


def test_an_alert_reads_back_as_it_was_written() -> None:
    alert = alert_of(event(cause="broad_shift"))
    assert read_alert(encode_alert(alert)) == alert


@pytest.mark.parametrize("value", [None, b"", b"{", b"{}", b"[1]"])
def test_what_is_no_alert_is_said_to_be_none(value: bytes | None) -> None:
    with pytest.raises(Undecodable, match="not an alert"):
        read_alert(value)


def test_the_sentence_tells_what_moved_by_how_much_and_since_when() -> None:
    assert alert_of(event(cause="broad_shift")).text == (
        "m v1: spent drifts (warning): 40% of the rows moved, since 2026-03-01 12:00:00 UTC; "
        "likely cause: half of the features at once"
    )
    assert "drifts more (critical)" in alert_of(event(phase="worsened", severity="critical")).text
    assert alert_of(event(phase="resolved")).text.startswith("m v1: spent no longer drifts")


def test_of_a_concept_it_tells_how_many_more_answers_are_wrong() -> None:
    alert = alert_of(event(subject="concept", feature="error (served)"))
    assert "error (served) drifts (warning): wrong answers rose by 40 points, since" in alert.text
    assert "*Rise of wrong answers*\n40%" in [field["text"] for field in slack_message(alert)["blocks"][1]["fields"]]


@pytest.mark.contract("D4")
def test_of_an_outlier_rate_it_tells_how_many_rows_are_outliers() -> None:
    alert = alert_of(event(subject="outliers", feature="outlier rate"))
    assert "outlier rate drifts (warning): 40% of the rows are outliers, since" in alert.text
    assert "*Rows that are outliers*\n40%" in [field["text"] for field in slack_message(alert)["blocks"][1]["fields"]]


def test_slack_gets_text_and_blocks() -> None:
    message = slack_message(alert_of(event()))
    assert json.loads(json.dumps(message)) == message
    assert message["text"].startswith("m v1: spent drifts")
    assert [block["type"] for block in message["blocks"]] == ["section", "section", "context"]
    fields = [field["text"] for field in message["blocks"][1]["fields"]]
    assert "*Feature*\nspent" in fields
    assert "*Rows that moved*\n40%" in fields


def test_names_are_no_markup_and_none_is_longer_than_slack_takes() -> None:
    message = slack_message(alert_of(event(feature="<!channel>" * 1000, model="a&b")))
    whole = json.dumps(message)
    assert "<!channel>" not in whole
    assert "&lt;!channel&gt;" in whole
    assert "a&amp;b" in whole
    assert all(len(field["text"]) < 2000 for field in message["blocks"][1]["fields"])
    assert len(message["text"]) < 3000
