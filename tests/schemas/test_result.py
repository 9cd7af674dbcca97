"""Times as results show them."""

import pytest

from schemas.result import LAST_MS, instant


@pytest.mark.contract("R9")
@pytest.mark.parametrize(
    ("epoch_ms", "shown"),
    [
        (1_700_000_000_123, "2023-11-14T22:13:20.123+00:00"),
        (0, "1970-01-01T00:00:00.000+00:00"),
        (-(2**63), "1970-01-01T00:00:00.000+00:00"),
    ],
)
def test_a_moment_is_shown_to_the_millisecond(epoch_ms: int, shown: str) -> None:
    assert instant(epoch_ms) == shown


@pytest.mark.contract("R9")
@pytest.mark.parametrize("epoch_ms", [LAST_MS, LAST_MS + 1, 2**63 - 1])
def test_a_moment_beyond_the_calendar_is_its_end(epoch_ms: int) -> None:
    assert instant(epoch_ms).startswith("9999-12-31T23:59:59")
