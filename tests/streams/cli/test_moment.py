"""Moments on the command line."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from streams.cli.moment import moment

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_a_number_and_a_unit_are_so_long_ago(text: str, ago: timedelta) -> None:
    assert moment(text, NOW) == NOW - ago


@pytest.mark.parametrize("text", ["2026-11-27T09:30:00Z", "2026-11-27T10:30:00+01:00", "2026-11-27 09:30:00.000+00:00"])
def test_a_date_with_its_offset_is_that_moment_in_utc(text: str) -> None:
    found = moment(text, NOW)
    assert found == datetime(2026, 11, 27, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2h ago", "-2h", "2 h", "2y", "99999999999d", "9" * 5000 + "s"),
        *("2026-11-27T09:00:00", "2026-11-27", "0001-01-01T00:00:00+10:00", "2026-13-01T00:00:00Z"),
    ],
)
def test_anything_else_is_told_the_forms_there_are(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is no time: give RFC 3339 with an offset, .* or how long ago, .*2h, 3d"
    ) as told:
        moment(text, NOW)
    assert len(str(told.value)) < 300
