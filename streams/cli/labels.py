"""Lines of a CSV or NDJSON file as labels, and what is wrong with those that are none."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from schemas.errors import InvalidRequest
from schemas.feedback import Feedback
from streams.cli.files import Bad, csv_rows, json_lines, shown, typed
from streams.labels import MAX_LABEL_BYTES, Label, RefusedLine, label_in, label_of, refused

COLUMNS = tuple(Feedback.model_fields)
NEEDED = ("request_id", "label")
NUMBERS = ("label", "row")

Line = Label | RefusedLine


def read_labels(file: BinaryIO, defaults: Mapping[str, Any]) -> Iterator[Line]:
    """One label per line of NDJSON that is not blank."""
    for number, line in json_lines(file, MAX_LABEL_BYTES):
        yield label_in(number, line, defaults)


def read_label_table(file: BinaryIO, defaults: Mapping[str, Any]) -> Iterator[Line]:
    """One label per row of a CSV file; an empty cell is a field left out. Raises InvalidRequest for other columns."""
    for row in csv_rows(file, _check):
        if isinstance(row, Bad):
            yield refused(row.line, row.reason)
            continue
        given = {name: cell for name, cell in row.cells.items() if cell != ""}
        yield label_of(
            row.line, {name: typed(cell) if name in NUMBERS else cell for name, cell in given.items()}, defaults
        )


def _check(columns: Sequence[str]) -> None:
    wanted = f"{', '.join(NEEDED)} and, where wanted, {', '.join(COLUMNS[len(NEEDED) :])}"
    known = f"the columns are {wanted}, parted by commas, in UTF-8"
    if missing := [name for name in NEEDED if name not in columns]:
        names = " and no column ".join(missing)
        raise InvalidRequest(f"the first row, {shown(columns)}, names no column {names}: {known}")
    if more := [name for name in columns if name not in COLUMNS]:
        raise InvalidRequest(f"unknown column {more[0][:100]!r}: {known}")
