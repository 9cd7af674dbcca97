"""Results as the monitor reads them: rows of one model version, with the times and keys they came with."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

from models.profile import answer_column
from models.signature import Signature
from models.tasks import columns_of, scores_of
from schemas.message import Record
from schemas.moment import Moment
from schemas.result import LAST_MS

Place = tuple[int, int]
"""A cell: (partition, which multiple of `schemas.sketches.SKETCHED` it begins at)."""


_LATEST_MS = LAST_MS - 24 * 60 * 60 * 1000


class ScoredRow(Struct, frozen=True, gc=False):
    """One row of a result: the answer, and the features as scored, as JSON text."""

    predictions: tuple[float | None, ...]
    features: Raw


class Scored(Struct, frozen=True, gc=False):
    """What the monitor reads of a result."""

    request_id: str
    entity: str | None
    status: str
    requested_at: Moment
    scored_at: Moment
    model: str | None = None
    model_version: str | None = None
    key_id: str | None = None
    predictions: tuple[float | None, ...] = ()
    features: Raw = Raw()
    rows: tuple[ScoredRow, ...] | None = None

    @property
    def requested_ms(self) -> int:
        """Epoch milliseconds, held within what a window's ends may be."""
        return min(max(int(self.requested_at.timestamp() * 1000), 0), _LATEST_MS)

    def answers(self) -> Sequence[ScoredRow]:
        """Its rows, be there one or several."""
        return (ScoredRow(self.predictions, self.features),) if self.rows is None else self.rows


class Row(Struct, frozen=True, gc=False):
    """A row of a result, by its number there, and where it counts."""

    place: Place
    offset: int
    slot_ms: int
    key_id: str
    number: int
    answer: ScoredRow
    result: Scored


_decode = Decoder(Scored).decode


def read_scored(record: Record) -> Scored | None:
    """None for what is no result, which the sink buries; one that is not `ok` has no rows to look at."""
    try:
        return _decode(record.value or b"")
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


def answer_values(signature: Signature, rows: Sequence[Row]) -> npt.NDArray[np.float32]:
    """The column of the answers; NaN for one that is none of the model's."""
    width = columns_of(signature)
    output = np.full((len(rows), width), np.nan)
    for place, row in enumerate(rows):
        if len(row.answer.predictions) == width:
            output[place] = row.answer.predictions  # null becomes NaN
    return answer_column(signature, scores_of(signature.task, output))
