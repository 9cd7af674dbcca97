"""Record headers: limits, and one meaning each."""

import pytest

from schemas.errors import Undecodable
from schemas.headers import MAX_HEADER_BYTES, MAX_HEADERS, read_headers


def test_headers_are_read_by_name() -> None:
    assert read_headers([("a", b"1"), ("b", None)]) == {"a": b"1", "b": b""}


@pytest.mark.contract("R3")
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([(f"h{i}", b"") for i in range(MAX_HEADERS + 1)], "too_many_headers"),
        ([("h", b"x" * MAX_HEADER_BYTES)], "headers_too_large"),
        ([("request-id", b"a"), ("request-id", b"b")], "repeated_header"),
    ],
)
def test_headers_past_the_limits_are_refused(headers: list[tuple[str, bytes]], reason: str) -> None:
    with pytest.raises(Undecodable) as caught:
        read_headers(headers)
    assert caught.value.reason == reason


@pytest.mark.contract("R3")
def test_the_limits_themselves_are_allowed() -> None:
    assert len(read_headers([(f"h{i:02}", b"") for i in range(MAX_HEADERS)])) == MAX_HEADERS
    assert read_headers([("h", b"x" * (MAX_HEADER_BYTES - 1))])
