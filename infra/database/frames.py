"""Rows of features as a table, piece by piece: what a million of them take is about what their numbers take."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Column = npt.NDArray[Any]


class Columns:
    """Features as columns; rows that lack one have no value there."""

    def __init__(self) -> None:
        self.rows = 0
        self._chunks: dict[str, list[Column]] = {}
        self._texts: dict[str, str] = {}

    def add(self, features: Sequence[Mapping[str, Any]]) -> None:
        """Rows, below those that are there."""
        for name in dict.fromkeys(name for row in features for name in row):
            if name not in self._chunks:
                self._chunks[name] = [_holes(self.rows)] if self.rows else []
        for name, chunks in self._chunks.items():
            chunks.append(self._column([row.get(name) for row in features]))
        self.rows += len(features)

    def frame(self, **beside: Any) -> "pd.DataFrame":
        """The table, once: the columns are given away. beside: further columns."""
        import pandas as pd

        made = {}
        for name in list(self._chunks):
            made[name] = _joined(self._chunks.pop(name))
        return pd.DataFrame({**made, **beside}, copy=False)

    def _column(self, values: Sequence[Any]) -> Column:
        kinds = set(map(type, values))
        if kinds == {int}:
            try:
                return np.array(values, dtype=np.int64)
            except OverflowError:
                return np.array(values, dtype=np.float64)
        if kinds <= {int, float, type(None)}:
            return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        # A text that is read a million times is kept once.
        shared = [self._texts.setdefault(value, value) if type(value) is str else value for value in values]
        return _objects(shared)


def _joined(chunks: Sequence[Column]) -> Column:
    """As numbers where all are, whole where all are whole."""
    if any(chunk.dtype == object for chunk in chunks):
        return np.concatenate([chunk.astype(object) for chunk in chunks])
    return np.concatenate(chunks)


def _objects(values: Sequence[Any]) -> Column:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _holes(rows: int) -> Column:
    return np.full(rows, np.nan)
