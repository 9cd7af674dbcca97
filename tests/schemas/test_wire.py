"""Limits come before parsing, and every refusal says its reason."""

import gc
import json
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Undecodable
from schemas.wire import MAX_BODY_BYTES, MAX_DEPTH, decode, encode, is_deep


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


@pytest.mark.no_cover
@given(json_values)
def test_what_is_written_is_read_back(value: object) -> None:
    assert decode(encode(value)) == value


def levels(part: object) -> int:
    """How deep the lists and objects of a value nest."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return int(isinstance(part, dict | list)) + max(map(levels, inner), default=0)


awkward = json_values | st.text('"\\\\[]{}a', max_size=12)


@given(awkward, st.integers(MAX_DEPTH - 4, MAX_DEPTH + 1), st.sampled_from(["list", "object"]))
def test_depth_agrees_with_a_walk_over_the_value(value: object, around: int, kind: str) -> None:
    for _ in range(around):
        value = [value, '"['] if kind == "list" else {"]\\": value, '"': "{"}
    assert is_deep(encode(value)) == (levels(value) > MAX_DEPTH)


@pytest.mark.parametrize("body", [b'{"a": [1, ' * 16, b"]" * 40 + b"[]", nested(3) * 40 + b"]["])
def test_what_is_left_open_or_closed_too_often_is_no_json_rather_than_deep(body: bytes) -> None:
    with pytest.raises(Undecodable) as caught:
        decode(body)
    assert caught.value.reason == "not_json"


WHOLE = MAX_BODY_BYTES

ODD = {
    "open": b"[" * WHOLE,
    "pairs": b"[" + b"[]," * (WHOLE // 3 - 1) + b"1]",
    "towers": b"[" + (nested(MAX_DEPTH - 1) + b",") * (WHOLE // (2 * MAX_DEPTH) - 1) + b"1]",
    "quotes": b"[" * 40 + b'"' * (WHOLE - 40),
    "escapes": b"[" * 40 + b'\\"' * (WHOLE // 2 - 20),
    "strings": b'["",' + b'"[",' * (WHOLE // 4 - 4) + b'""]',
}


def shortest_s(read: Callable[[bytes], object], body: bytes, times: int = 5) -> float:
    """CPU seconds that it takes to read or refuse a body."""

    def took_s() -> float:
        started = process_time()
        with suppress(Undecodable):
            read(body)
        return process_time() - started

    return min(took_s() for _ in range(times))


@pytest.fixture
def hardly_collected() -> Iterator[None]:
    """Garbage is collected as seldom as in a worker, see streams/memory.py."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("hardly_collected")
@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_no_body_is_long_in_the_reading(body: bytes) -> None:
    """The event loop waits for it, and nobody needs a key to send one."""
    assert len(body) <= WHOLE
    assert shortest_s(decode, body) < 0.35


@pytest.mark.usefixtures("hardly_collected")
def test_small_numbers_are_read_as_fast_beside_nan_as_json_reads_them() -> None:
    body = b"[" + b"1," * (WHOLE // 2 - 4) + b"NaN]"
    # Side by side, as the core may change its speed between the one and the other.
    assert min(shortest_s(decode, body, 1) / shortest_s(json.loads, body, 1) for _ in range(5)) < 1.7
