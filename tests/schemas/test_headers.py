"""Record headers: limits, and one meaning each."""

import pytest

from schemas.dead_letter import dead_letter
from schemas.errors import MAX_MESSAGE, Undecodable
from schemas.headers import MAX_HEADER_BYTES, MAX_HEADERS, read_headers
from schemas.message import Record
from schemas.result import refusal


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


@pytest.mark.contract("R3", "R9")
def test_endless_names_given_twice_make_no_endless_error() -> None:
    with pytest.raises(Undecodable) as caught:
        read_headers([("\x01" * 700_000, b"1"), ("\x01" * 700_000, b"2")])
    assert len(str(caught.value)) < 200


@pytest.mark.contract("R9")
def test_a_dead_letter_and_a_refusal_stay_small_whatever_they_say() -> None:
    record = Record("t", 0, 0, 1, b"k", b"{}", [])
    assert len(dead_letter("dead-letters", record, "invalid", "\x01" * 1_000_000).value) < 30_000
    assert len(refusal("invalid", "x" * 1_000_000)["message"]) == MAX_MESSAGE
