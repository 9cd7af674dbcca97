"""Lines of a JSONL or CSV file as asks, and what is wrong with those that are none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from schemas.errors import InvalidRequest, Undecodable
from schemas.request import MAX_ENTITY
from schemas.wire import MAX_BODY_BYTES, decode
from streams.cli.files import Bad, CsvRow, csv_rows, json_lines, typed
from streams.client import Ask
from streams.requests import check_entity, request_body

_ENVELOPE = frozenset({"entity", "model", "features", "rows"})


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
    """One ask per line that is not blank: the features, or the whole request with entity and model."""
    for number, line in json_lines(file, MAX_BODY_BYTES):
        try:
            yield reading.ask(decode(line))
        except (InvalidRequest, Undecodable) as error:
            yield Bad(number, _reason(error))


def read_csv(file: BinaryIO, reading: Reading) -> Iterator[Ask | Bad]:
    """One ask per row under a header row: each column a feature, an empty cell a missing one."""
    for row in csv_rows(file):
        yield _ask(row, reading) if isinstance(row, CsvRow) else row


def _ask(row: CsvRow, reading: Reading) -> Ask | Bad:
    entity = reading.entity_field
    cells = row.cells.items()
    value = {name: cell if name == entity else typed(cell) for name, cell in cells if cell != "" or name == entity}
    try:
        return reading.ask({"features": value} if entity is None else value)
    except InvalidRequest as error:
        return Bad(row.line, _reason(error))


def _reason(error: InvalidRequest | Undecodable) -> str:
    fields = error.fields if isinstance(error, InvalidRequest) else ()
    return "; ".join([str(error), *(f"{item.field} {item.reason}, got {item.got}" for item in fields)])
