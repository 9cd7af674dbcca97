"""Lines of ground truth: the labels that they hold, and what is wrong with the others."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.errors import FieldError, InvalidRequest, Undecodable
from schemas.feedback import Feedback, read_feedback
from schemas.wire import decode

MAX_LABEL_BYTES = 16 * 1024
MOST_FIELDS = 5
"""Offending fields that a line is refused with, the number of the others beside: as many as a label has."""


class Label(NamedTuple):
    """What one line says."""

    line: int
    feedback: Feedback


class RefusedLine(NamedTuple):
    """A line that is no label, and every field that makes it none; `body` where the line is no object."""

    line: int
    fields: tuple[FieldError, ...]

    def as_json(self) -> dict[str, Any]:
        return {"line": self.line, "fields": [field.as_json() for field in self.fields]}


def label_in(line: int, text: bytes, defaults: Mapping[str, Any] | None = None) -> Label | RefusedLine:
    """The label in one line of NDJSON, by its number. defaults: of the fields that it leaves out."""
    if len(text) > MAX_LABEL_BYTES:
        return refused(line, f"has more than {MAX_LABEL_BYTES} bytes")
    try:
        return label_of(line, decode(text), defaults)
    except Undecodable as error:
        return refused(line, str(error))


def label_of(line: int, value: Any, defaults: Mapping[str, Any] | None = None) -> Label | RefusedLine:
    """The label in a line's value."""
    given = {**defaults, **value} if defaults and isinstance(value, dict) else value
    try:
        return Label(line, read_feedback(given))
    except InvalidRequest as error:
        shown, more = error.fields[:MOST_FIELDS], len(error.fields) - MOST_FIELDS
        rest = (FieldError("...", f"and {more} more", ""),) if more > 0 else ()
        return RefusedLine(line, (*shown, *rest))


def refused(line: int, reason: str) -> RefusedLine:
    """A line of which no field can be named."""
    return RefusedLine(line, (FieldError("body", reason, ""),))
