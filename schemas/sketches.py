"""What lies on `feature-sketches`: how rows were distributed, part by part of the results, and what time it is."""

from collections.abc import Mapping

from msgspec import DecodeError, Struct
from msgspec.msgpack import Decoder, Encoder

from schemas.errors import Undecodable

SKETCHED = 256
"""Offsets of a source partition that one sketch is about: from a multiple of it to before the next."""
OTHERS = ""
"""Whose rows are not told apart."""


class CellSketch(Struct, frozen=True, tag="cell"):
    """All rows of one model version between two multiples of `SKETCHED` of one source partition, up to `last`.

    A later one of the same place takes the place of an earlier one, which is a part of it; one that comes again is the
    same, as what it counts is read again from the beginning of its place.

    topic: the identity of the log, as a topic that is made anew counts from 0 again. first: the first offset counted of
    this version: what was known of the place before it, as its log was cut, is no part.

    rows: by the id of the API key that sent them, each a sketch as `models.drift` writes it. times: how many rows were
    asked for in each slot of time, by when it begins, epoch milliseconds. scored: rows that the version's outlier
    detector looked at; outliers: of them.
    """

    model: str
    version: str
    topic: str
    partition: int
    cell: int
    last: int
    rows: Mapping[str, bytes]
    times: Mapping[int, int]
    scored: int = 0
    outliers: int = 0
    first: int = 0


class Tick(Struct, frozen=True, tag="tick"):
    """It is as late as this, epoch milliseconds: a window ends though nobody asks any more."""

    at_ms: int


encode_sketch = Encoder().encode
_decoder: Decoder[CellSketch | Tick] = Decoder(CellSketch | Tick)


def read_sketched(value: bytes | None) -> CellSketch | Tick:
    """Raises Undecodable saying what is wrong."""
    try:
        return _decoder.decode(value or b"")
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable("invalid", f"not a feature sketch: {error}") from None
