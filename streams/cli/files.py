"""Lines of a JSONL file and rows of a CSV file, whatever they hold."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from schemas.errors import InvalidRequest

_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})\Z")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d{1,3})?\Z")


class Bad(NamedTuple):
    """A line that cannot be sent."""

    line: int
    reason: str


class CsvRow(NamedTuple):
    """A row's cells by column, and the line that it ends on."""

    line: int
    cells: dict[str, str]


def json_lines(file: BinaryIO, most: int) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that is not blank; of one with more than `most` bytes a little more than these.

    A byte order mark at the file's beginning is passed over, as in CSV.
    """
    number = 0
    while line := file.readline(most + 2):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > most and not line.endswith(b"\n"):
            _skip_line(file, most)
        if stripped := line.strip():
            yield number, stripped


def csv_rows(file: BinaryIO, check: Callable[[Sequence[str]], None] = lambda columns: None) -> Iterator[CsvRow | Bad]:
    """Each row under a header row, which `check` may refuse; closes the file.

    Raises InvalidRequest where there is no such row.
    """
    with io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="") as text:
        rows = csv.reader(text, strict=True)
        columns = _header(rows)
        check(columns)
        while True:
            first = rows.line_num + 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Bad(rows.line_num, _not_csv(error, first, rows.line_num))
                continue
            if len(cells) == len(columns):
                yield CsvRow(rows.line_num, dict(zip(columns, cells, strict=True)))
            elif cells:
                yield Bad(rows.line_num, f"{len(cells)} cells under {len(columns)} columns")


def typed(cell: str) -> int | float | str:
    """A cell as the number that it looks like; `007` and `1_000` look like none."""
    if _INTEGER.match(cell):
        return int(cell)
    return float(cell) if _DECIMAL.match(cell) else cell


def _header(rows: Iterator[list[str]]) -> list[str]:
    try:
        cells = next(filter(None, rows))
    except StopIteration:
        raise InvalidRequest("the file is empty: its first row must name the columns") from None
    except csv.Error as error:
        raise InvalidRequest(f"the first row, which must name the columns, is not CSV: {error}") from None
    if len(set(cells)) != len(cells) or not all(cells):
        raise InvalidRequest(f"the first row must name every column, each once: {shown(cells)}")
    return cells


def shown(cells: Sequence[str]) -> str:
    """A row's beginning, for a message."""
    return repr(",".join(cells)[:100])


def _not_csv(error: csv.Error, first: int, last: int) -> str:
    """A quote without its end takes the lines after it along."""
    more = f"; nothing of lines {first} to {last} is read: is a quote missing in line {first}?" if first < last else ""
    return f"not CSV: {error}{more}"


def _skip_line(file: BinaryIO, most: int) -> None:
    while chunk := file.readline(most):
        if chunk.endswith(b"\n"):
            return
