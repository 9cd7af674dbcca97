"""Rows that were counted, by the key that sent them."""

from collections.abc import Mapping

from models.drift import Reference, Sketch, read_sketch, sketch_bytes

Rows = dict[str, Sketch]

MOST_KEYS, MOST_CELLS = 16, 400_000


def most_keys(reference: Reference) -> int:
    """How many keys' rows are told apart, those of the first; the rows of others are counted together.

    Fewer of a model of many features: each key has cells of its own, in memory and in records, which are limited.
    """
    return max(1, min(MOST_KEYS, MOST_CELLS // reference.layout.size))


def without(rows: Rows, known: Rows) -> Rows | None:
    """What is new; None where what was known is no part of it, as after a reset of offsets to within a place."""
    new: Rows = {}
    for key_id, sketch in rows.items():
        new[key_id] = Sketch(sketch.reference)
        new[key_id].merge(sketch)
        if key_id in known:
            try:
                new[key_id].subtract(known[key_id])
            except ValueError:
                return None
    return new if known.keys() <= rows.keys() else None


def written(rows: Rows) -> dict[str, bytes]:
    """For `read_rows`."""
    return {key_id: sketch_bytes(sketch) for key_id, sketch in rows.items()}


def read_rows(reference: Reference, rows: Mapping[str, bytes]) -> Rows:
    """Raises Undecodable where they are not on this reference's cells."""
    return {key_id: read_sketch(reference, content) for key_id, content in rows.items()}
