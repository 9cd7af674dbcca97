"""Lines of a JSONL or CSV file as asks, and what is wrong with those that are none."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from schemas.errors import InvalidRequest, Undecodable
from schemas.request import MAX_ENTITY
from schemas.wire import MAX_BODY_BYTES, decode
from streams.client import Ask
from streams.requests import check_entity, request_body

_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})\Z")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d{1,3})?\Z")
_ENVELOPE = frozenset({"entity", "model", "features", "rows"})


class Bad(NamedTuple):
    """A line that cannot be sent."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How lines become asks.

    entity_field: the field or column that holds the entity and is no feature. model: for lines that name none.
    """

    entity_field: str | None = None
    model: str | None = None

    def ask(self, value: Any) -> Ask:
        """The ask in one line's value. Raises InvalidRequest."""
        if not isinstance(value, dict) or not value:
            raise InvalidRequest("not an object with features")
        ask = self._from_envelope(value) if value.keys() <= _ENVELOPE else self._from_features(value)
        request_body(ask.features, entity=ask.entity or "?" * MAX_ENTITY, model=ask.model)
        return ask

    def _from_envelope(self, value: Mapping[str, Any]) -> Ask:
        features = value.get("features", value.get("rows"))
        if not isinstance(features, dict | list) or ("features" in value) == ("rows" in value):
            raise InvalidRequest("give features, or rows with a list of them")
        entity = value.get("entity")
        model = value.get("model", self.model)
        if model is not None and not isinstance(model, str):
            raise InvalidRequest("model is not text")
        return Ask(features, None if entity is None else check_entity(entity), model)

    def _from_features(self, value: Mapping[str, Any]) -> Ask:
        if self.entity_field is None:
            return Ask(value, None, self.model)
        if self.entity_field not in value:
            raise InvalidRequest(f"no field {self.entity_field} for the entity")
        entity = value[self.entity_field]
        features = {name: item for name, item in value.items() if name != self.entity_field}
        whole = isinstance(entity, int) and not isinstance(entity, bool)
        return Ask(features, check_entity(str(entity) if whole else entity), self.model)


def read_jsonl(file: BinaryIO, reading: Reading) -> Iterator[Ask | Bad]:
    """One ask per line that is not blank: the features, or the whole request with entity and model.

    A byte order mark at the file's beginning is passed over, as in CSV.
    """
    number = 0
    while line := file.readline(MAX_BODY_BYTES + 2):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > MAX_BODY_BYTES and not line.endswith(b"\n"):
            _skip_line(file)
        if not line.strip():
            continue
        try:
            yield reading.ask(decode(line.strip()))
        except (InvalidRequest, Undecodable) as error:
            yield Bad(number, _reason(error))


def read_csv(file: BinaryIO, reading: Reading) -> Iterator[Ask | Bad]:
    """One ask per row under a header row: each column a feature, an empty cell a missing one."""
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(text, strict=True)
    columns: list[str] | None = None
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(rows.line_num, f"not CSV: {error}")
            continue
        if columns is None:
            columns = _header(cells)
        elif cells:
            yield _row(columns, cells, rows.line_num, reading)


def _header(cells: list[str]) -> list[str]:
    if len(set(cells)) != len(cells) or not all(cells):
        raise InvalidRequest("the first row must name every column, each once")
    return cells


def _row(columns: list[str], cells: list[str], line: int, reading: Reading) -> Ask | Bad:
    if len(cells) != len(columns):
        return Bad(line, f"{len(cells)} cells under {len(columns)} columns")
    pairs = zip(columns, cells, strict=True)
    entity = reading.entity_field
    value = {name: cell if name == entity else typed(cell) for name, cell in pairs if cell != "" or name == entity}
    try:
        return reading.ask({"features": value} if entity is None else value)
    except InvalidRequest as error:
        return Bad(line, _reason(error))


def typed(cell: str) -> int | float | str:
    """A cell as the number that it looks like; `007` and `1_000` look like none."""
    if _INTEGER.match(cell):
        return int(cell)
    return float(cell) if _DECIMAL.match(cell) else cell


def _skip_line(file: BinaryIO) -> None:
    while chunk := file.readline(MAX_BODY_BYTES):
        if chunk.endswith(b"\n"):
            return


def _reason(error: InvalidRequest | Undecodable) -> str:
    fields = error.fields if isinstance(error, InvalidRequest) else ()
    return "; ".join([str(error), *(f"{item.field} {item.reason}, got {item.got}" for item in fields)])
