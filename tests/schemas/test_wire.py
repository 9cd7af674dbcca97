"""Limits come before parsing, and every refusal says its reason."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Undecodable
from schemas.wire import MAX_BODY_BYTES, MAX_DEPTH, decode, depth, encode


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.contract("R3")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" " * (MAX_BODY_BYTES + 1), "too_large"),
        (nested(MAX_DEPTH + 1), "too_deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"a": 1}}', "not_json"),
        (b'{"a": "\\ud800"}', "not_json"),
        ('{"a": "\u0122", "b": [1]}'.encode("utf-16"), "not_json"),
    ],
)
def test_what_cannot_be_read_says_why(body: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable) as caught:
        decode(body)
    assert caught.value.reason == reason


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_refused_by_its_name(encoding: str) -> None:
    """Windows' editors and shells write one; JSON has none."""
    with pytest.raises(Undecodable, match="byte order mark: send JSON as UTF-8") as caught:
        decode('{"a": NaN}'.encode(encoding))
    assert caught.value.reason == "not_json"


@pytest.mark.contract("R3")
def test_the_limits_themselves_are_allowed() -> None:
    assert decode(nested(MAX_DEPTH)) is not None
    assert decode(b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"') == "x" * (MAX_BODY_BYTES - 2)


@pytest.mark.contract("R3")
def test_brackets_inside_strings_do_not_count() -> None:
    assert decode(encode({"a": "[{" * 50, "b": '"[\\' * 40})) == {"a": "[{" * 50, "b": '"[\\' * 40}


@pytest.mark.contract("R3")
def test_depth_is_bounded_before_the_parser_sees_a_deep_body() -> None:
    with pytest.raises(Undecodable, match="deeper"):
        decode(nested(200_000))


@pytest.mark.contract("R1")
def test_not_a_number_is_read_so_that_validation_can_name_the_field() -> None:
    value = decode(b'{"a": NaN, "b": -Infinity, "c": Infinity}')
    assert math.isnan(value["a"])
    assert value["b"] == -math.inf
    assert value["c"] == math.inf


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_what_is_written_is_read_back(value: object) -> None:
    assert decode(encode(value)) == value


@given(json_values)
def test_depth_agrees_with_a_walk_over_the_value(value: object) -> None:
    def walk(part: object) -> int:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        return int(isinstance(part, dict | list)) + max(map(walk, inner), default=0)

    assert depth(encode(value)) == walk(value)
