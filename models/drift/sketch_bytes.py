"""A sketch as it travels: its few counts that are not 0, in the smallest integers that hold them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from msgspec import DecodeError, Struct
from msgspec.msgpack import Decoder, Encoder

from models.drift.reference import Reference
from models.drift.sketch import Sketch
from schemas.errors import Undecodable

FORMAT = 1
MOST_ROWS = 2**53

_WIDTHS = (1, 2, 4, 8)


class _Numbers(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Those of an array that are not 0: where, and how many. Little-endian, `width` bytes each."""

    place_width: int
    places: bytes
    width: int
    values: bytes


class _Wire(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    format: int
    reference: bytes
    rows: int
    counts: _Numbers
    tails: _Numbers
    extremes: bytes


_encode: Callable[[_Wire], bytes] = Encoder().encode
_decode = Decoder(_Wire).decode


def sketch_bytes(sketch: Sketch) -> bytes:
    """The sketch for `read_sketch` with the same reference."""
    return _encode(
        _Wire(
            FORMAT,
            sketch.reference.digest,
            sketch.rows,
            _pack(sketch.counts),
            _pack(sketch.tails.ravel()),
            sketch.extremes.astype("<f4").tobytes(),
        )
    )


def read_sketch(reference: Reference, content: bytes) -> Sketch:
    """Raises Undecodable for what is no sketch, one on the cells of another reference, and one that cannot be."""
    try:
        wire = _decode(content)
    except DecodeError as error:
        raise Undecodable("invalid", f"not a sketch: {error}") from None
    if wire.format != FORMAT:
        raise Undecodable("invalid", f"sketch format {wire.format} is unknown, this Weir reads format {FORMAT}")
    if wire.reference != reference.digest:
        raise Undecodable("invalid", "the sketch was made on the cells of another reference")
    sketch = Sketch(reference)
    sketch.rows = wire.rows
    sketch.counts = _unpack(wire.counts, sketch.counts.size, "counts")
    sketch.tails = _unpack(wire.tails, sketch.tails.size, "tails").reshape(sketch.tails.shape)
    sketch.extremes = _extremes(wire.extremes, sketch.extremes)
    _check(sketch)
    return sketch


def _pack(array: npt.NDArray[np.int64]) -> _Numbers:
    places = np.flatnonzero(array)
    values = array[places]
    place_width, width = _width(array.size), _width(int(values.max(initial=0)))
    return _Numbers(
        place_width, places.astype(f"<u{place_width}").tobytes(), width, values.astype(f"<u{width}").tobytes()
    )


def _width(largest: int) -> int:
    return next(width for width in _WIDTHS if largest < 256**width)


def _unpack(numbers: _Numbers, size: int, what: str) -> npt.NDArray[np.int64]:
    places = _integers(numbers.places, numbers.place_width, size, what)
    values = _integers(numbers.values, numbers.width, size, what)
    rising = len(places) == len(values) and (np.diff(places) > 0).all() and (values > 0).all()
    if not rising or places.max(initial=0) >= size:
        raise Undecodable("invalid", f"not a sketch: its {what} are not those of {size} cells")
    array = np.zeros(size, dtype=np.int64)
    array[places] = values
    return array


def _integers(content: bytes, width: int, most: int, what: str) -> npt.NDArray[np.int64]:
    if width not in _WIDTHS or len(content) % width or len(content) > width * most:
        raise Undecodable("invalid", f"not a sketch: its {what} are no integers of {width} bytes")
    found = np.frombuffer(content, dtype=f"<u{width}")
    if width == 8 and (found >= 2**62).any():
        raise Undecodable("invalid", f"not a sketch: its {what} are too large")
    return found.astype(np.int64)


def _extremes(content: bytes, like: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if len(content) != like.nbytes:
        raise Undecodable("invalid", "not a sketch: its extremes are not those of its features")
    found = np.frombuffer(content, dtype="<f4").reshape(like.shape).astype(np.float32)
    if np.isnan(found).any():
        raise Undecodable("invalid", "not a sketch: an extreme is no number")
    return found


def _check(sketch: Sketch) -> None:
    """Each row lies in one cell of every column."""
    if not 0 <= sketch.rows < MOST_ROWS:
        raise Undecodable("invalid", f"not a sketch: {sketch.rows} rows")
    if (np.minimum(sketch.counts, MOST_ROWS) != sketch.counts).any():
        raise Undecodable("invalid", "not a sketch: its counts are too large")
    columns = np.add.reduceat(sketch.counts, sketch.layout.first)
    if (columns != sketch.rows).any():
        place = int(np.flatnonzero(columns != sketch.rows)[0])
        name = sketch.reference.columns[place].name
        raise Undecodable("invalid", f"not a sketch: {columns[place]} values of {name!r} in {sketch.rows} rows")
