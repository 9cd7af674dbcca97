import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack

from models.drift import Sketch, read_sketch, sketch_bytes
from schemas.errors import Undecodable
from tests.models.drift.worlds import Matrix, churn_reference, column, customers, reference, sketched


@pytest.fixture(scope="module")
def rows() -> Matrix:
    return customers(2000, seed=5)


def test_a_sketch_travels_in_few_bytes(rows: Matrix) -> None:
    known = churn_reference(rows[:500])
    for sketch in (Sketch(known), sketched(known, rows[:1]), sketched(known, rows, np.full((3, 21), np.nan, "f4"))):
        assert read_sketch(known, sketch_bytes(sketch)) == sketch
    assert len(sketch_bytes(sketched(known, rows))) < 8000


def test_large_counts_travel() -> None:
    known = reference("float", column(1, 2, 3))
    sketch = sketched(known, column(1, 2, 3, 9))
    for _ in range(40):
        sketch.merge(sketch)
    assert sketch.rows == 4 * 2**40
    assert read_sketch(known, sketch_bytes(sketch)) == sketch


def test_a_sketch_on_other_cells_is_refused(rows: Matrix) -> None:
    content = sketch_bytes(sketched(churn_reference(rows[:500]), rows))
    with pytest.raises(Undecodable, match="another reference"):
        read_sketch(churn_reference(rows[500:]), content)


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (0, 2, "format 2 is unknown"),
        (2, -1, "rows"),
        (2, 5, "4 values of 'x' in 5 rows"),
        (3, [1, b"\x01", 1, b"\x04\x04"], "counts are not those"),
        (3, [1, b"\x02\x01", 1, b"\x02\x02"], "counts are not those"),
        (3, [1, b"\xf0", 1, b"\x04"], "counts are not those"),
        (3, [1, b"\x01", 3, b"\x04\x00\x00"], "no integers of 3 bytes"),
        (3, [1, b"\x01", 8, b"\xff" * 8], "too large"),
        (3, [2, b"\x01", 1, b"\x04"], "no integers of 2 bytes"),
        (4, [1, b"\x07", 1, b"\x01"], "tails are not those"),
        (5, b"\x00" * 4, "extremes are not those"),
        (5, b"\x00\x00\xc0\x7f" * 2, "no number"),
        (1, "text", "not a sketch"),
    ],
)
def test_malformed_bytes_are_refused_with_the_reason(place: int, value: object, problem: str) -> None:
    known = reference("float", column(1, 2, 3))
    wire = msgpack.decode(sketch_bytes(sketched(known, column(1, 2, 3, 9))))
    wire[place] = value
    with pytest.raises(Undecodable, match=problem):
        read_sketch(known, msgpack.encode(wire))


@given(content=st.binary(max_size=60), cut=st.integers(0, 400), at=st.integers(0, 400), byte=st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_no_bytes_raise_anything_else(content: bytes, cut: int, at: int, byte: int) -> None:
    known = reference("float", column(1, 2, 3))
    good = bytearray(sketch_bytes(sketched(known, column(1, 2, 3, 9))))
    spoiled = bytes(good[:at]) + bytes([byte]) + bytes(good[at + 1 :])
    for attempt in (content, bytes(good[:cut]), spoiled):
        try:
            assert read_sketch(known, attempt).distribution(0).rows >= 0
        except Undecodable:
            continue
