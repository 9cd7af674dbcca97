"""Rows of decoded JSON become the float32 matrix a model reads, or errors naming every offending field."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Raw
from msgspec.structs import astuple

from models.refusal import explain
from models.signature import FloatVector, Layout, Signature
from schemas.errors import FieldError
from schemas.wire import decode

_NUMBERS = {int, float}
_TEXTS = {str}
PAST_64_BITS = 2.0**63


@dataclass(frozen=True)
class Encoded:
    """A batch as the model reads it.

    rows: as they were read; text that the fast path leaves to the exact one is decoded.
    matrix: float32 [n_rows, n_features]; rows named in `errors` hold zeros.
    errors: row index -> its offending fields.
    unseen: feature -> how many accepted rows hold a value not known from training.
    """

    rows: Sequence[Any]
    matrix: npt.NDArray[np.float32]
    errors: dict[int, tuple[FieldError, ...]] = field(default_factory=dict)
    unseen: Counter[str] = field(default_factory=Counter)

    def part(self, start: int, end: int) -> "Encoded":
        """The rows from `start` to before `end`; what is unseen is counted of the whole alone."""
        errors = {i - start: fields for i, fields in self.errors.items() if start <= i < end}
        return Encoded(self.rows[start:end], self.matrix[start:end], errors)


def encode(signature: Signature, rows: Sequence[Any]) -> Encoded:
    """Check and encode a batch; valid rows never meet the slow path that explains refusals.

    rows: objects as decoded, or as JSON text that is known to be valid.
    """
    encoded = _encode_texts(signature, rows)
    return encoded or _encode_decoded(signature, [decode(bytes(row)) if type(row) is Raw else row for row in rows])


def _encode_texts(signature: Signature, rows: Sequence[Any]) -> Encoded | None:
    """The batch where every row is text and fits; its values stand column by column."""
    layout = signature.layout
    if not rows or not {Raw}.issuperset(map(type, rows)):
        return None
    count = len(layout.number_columns)
    try:
        columns = list(zip(*map(astuple, map(layout.decode, rows)), strict=True))
        numbers = np.array(columns[:count], dtype=np.float64).reshape(count, len(rows)).T
    except (ValueError, OverflowError):
        return None
    # What no 64 bits hold is text that some readers of the result would refuse: it goes on as the float that it is.
    if not _within_bounds(layout, numbers).all() or (np.abs(numbers) >= PAST_64_BITS).any():
        return None
    return _assemble(signature, rows, numbers, columns[count:])


def _encode_decoded(signature: Signature, rows: Sequence[Any]) -> Encoded:
    layout = signature.layout
    kept: Sequence[int] = range(len(rows))
    values = _read(layout, rows)
    if values is None:
        kept = [i for i in kept if _read(layout, rows[i : i + 1]) is not None]
        values = _read(layout, [rows[i] for i in kept]) or ([], [])
    numbers = _as_floats(values[0]).reshape(len(kept), len(layout.number_columns))
    fits = _within_bounds(layout, numbers)
    if fits.all() and len(kept) == len(rows):
        return _assemble(signature, rows, numbers, _columns(values[1]))
    accepted = np.asarray(kept, dtype=np.intp)[fits]
    texts = [text for text, fit in zip(values[1], fits, strict=True) if fit]
    encoded = _assemble(signature, rows, numbers[fits], _columns(texts))
    matrix = np.zeros((len(rows), len(signature.features)), dtype=np.float32)
    matrix[accepted] = encoded.matrix
    refused = sorted(set(range(len(rows))).difference(accepted.tolist()))
    return Encoded(rows, matrix, {i: explain(signature, rows[i]) for i in refused}, encoded.unseen)


def _read(layout: Layout, rows: Sequence[Any]) -> tuple[list[Any], list[tuple[str, ...]]] | None:
    """All numbers in one list and the texts row by row; None when any row has other fields or types."""
    width = len(layout.number_columns) + len(layout.text_columns)
    if not (all(isinstance(row, dict) for row in rows) and {width}.issuperset(map(len, rows))):
        return None
    try:
        numbers = list(chain.from_iterable(map(layout.numbers, rows)))
        texts = list(map(layout.texts, rows))
    except KeyError:
        return None
    if _NUMBERS.issuperset(map(type, numbers)) and _TEXTS.issuperset(map(type, chain.from_iterable(texts))):
        return numbers, texts
    return None


def _as_floats(numbers: list[Any]) -> FloatVector:
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:
        return np.array([_float_or_infinity(number) for number in numbers], dtype=np.float64)


def _float_or_infinity(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf")


def _within_bounds(layout: Layout, numbers: FloatVector) -> npt.NDArray[np.bool_]:
    """Which rows are inside their bounds throughout, and whole where an integer is asked for."""
    inside = ((numbers >= layout.low) & (numbers <= layout.high)).all(axis=1)
    whole = numbers[:, layout.whole]
    fits: npt.NDArray[np.bool_] = inside & (whole == np.floor(whole)).all(axis=1)
    return fits


def _columns(texts: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return list(zip(*texts, strict=True))


def _assemble(
    signature: Signature, rows: Sequence[Any], numbers: FloatVector, texts: Sequence[Sequence[str]]
) -> Encoded:
    """The matrix. numbers: [n, number columns]. texts: text column by text column; none where n is 0."""
    layout = signature.layout
    matrix = np.empty((len(numbers), len(signature.features)), dtype=np.float32)
    matrix[:, layout.number_columns] = numbers
    unseen: Counter[str] = Counter()
    for column, name, codes, values in zip(layout.text_columns, layout.text_names, layout.codes, texts, strict=False):
        encoded = [codes.get(value, 0) for value in values]
        matrix[:, column] = encoded
        if strangers := encoded.count(0):
            unseen[name] = strangers
    return Encoded(rows, matrix, unseen=unseen)
