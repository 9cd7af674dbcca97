"""The prediction request: the record's value, its identity and its deadline."""

import os
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from schemas.errors import FieldError, InvalidRequest
from schemas.masked import API_KEY, masked
from schemas.wire import is_plain

MAX_ENTITY = 256
MAX_MODEL = 64
MAX_REQUEST_ID = 128
MAX_ROWS = 2000
"""Rows of one request: its result, answers and features together, must fit into one record."""
MAX_NAMED = 200
"""Offending fields that one refusal names: it must not outgrow the request."""

_REQUEST_ID = re.compile(rb"(?!.*%b)[A-Za-z0-9._:~+/=@-]{1,128}\Z" % API_KEY.encode())
_ENTITY = re.compile(r"[^\x00-\x1f\x7f]{1,256}\Z")
_KNOWN = frozenset({"entity", "model", "features", "rows", "explain"})
MOST_EXPLAINED = 20
"""Rows of one request that asks for explanations: each costs the model a few thousand."""


class PredictionRequest(Struct, frozen=True, gc=False):
    """What one record asks for.

    entity: whom the prediction is about; the record's key.
    model: None where the caller leaves the choice to the only route.
    rows: feature objects as they came, not yet validated, decoded or as JSON text (`msgspec.Raw`); several where the
    caller sent `rows`.
    explain: whether the answers shall be explained.
    """

    entity: str
    model: str | None
    rows: Sequence[Any]
    many: bool = False
    explain: bool = False


def new_request_id() -> str:
    """A UUIDv7: time-ordered, so that the store's index grows at one end."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    number = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    return str(uuid.UUID(int=number | 0b10 << 62 | random & (1 << 62) - 1))


def is_request_id(value: bytes) -> bool:
    """1 to 128 of letters, digits and `._:~+/=@-`; no API key stands in it: ids are shown and kept."""
    if value.replace(b"-", b"").isalnum():  # most are UUIDs, and this is the cheaper question
        return len(value) <= MAX_REQUEST_ID
    return _REQUEST_ID.match(value) is not None


def is_entity(value: str) -> bool:
    """1 to 256 characters, none of them a control character."""
    if value.isprintable():  # most are, and this is the cheaper question
        return 0 < len(value) <= MAX_ENTITY
    return _ENTITY.match(value) is not None


def read_request(value: Any, record_key: str | None = None) -> PredictionRequest:
    """The request in a decoded body; the record's key stands in for a missing entity.

    Raises InvalidRequest naming every offending field.
    """
    if not isinstance(value, dict):
        raise InvalidRequest(
            "the body must be an object with entity and features",
            [FieldError("body", "must be an object", describe(value))],
        )
    entity = value.get("entity", record_key)
    model = value.get("model")
    many = "rows" in value
    rows = value.get("rows") if many else [value.get("features")]
    explain = value.get("explain", False)
    errors = _entity_errors(entity, record_key) + _model_errors(model) + _row_errors(value, rows)
    errors += _explain_errors(explain, rows)
    if errors:
        raise InvalidRequest("the request is not of the expected form", errors)
    assert isinstance(entity, str)
    assert isinstance(rows, list)
    return PredictionRequest(entity, model, rows, many, explain)


class _Usual(Struct, forbid_unknown_fields=True, gc=False):
    entity: str
    features: Raw
    model: Annotated[str, Meta(min_length=1, max_length=MAX_MODEL)] | None = None
    explain: bool = False


_read_usual = Decoder(_Usual).decode


def read_usual(body: bytes, record_key: str) -> PredictionRequest | None:
    """The request in its usual form: one row, left as the JSON text that it is, its entity the record's key.

    None for any other form, good or bad, where it does not raise ValueError.
    """
    if not is_plain(body):
        return None
    usual = _read_usual(body)
    if usual.entity != record_key or not is_entity(record_key):
        return None
    return PredictionRequest(record_key, usual.model, [usual.features], False, usual.explain)


def _entity_errors(entity: Any, record_key: str | None) -> list[FieldError]:
    if not isinstance(entity, str) or not is_entity(entity):
        reason = f"must be a string of 1 to {MAX_ENTITY} characters without control characters"
        return [FieldError("entity", reason, describe(entity))]
    if record_key is not None and entity != record_key:
        return [FieldError("entity", "differs from the record's key, which orders and routes it", describe(entity))]
    return []


def _is_model(model: Any) -> bool:
    return model is None or (isinstance(model, str) and 0 < len(model) <= MAX_MODEL)


def _model_errors(model: Any) -> list[FieldError]:
    if _is_model(model):
        return []
    return [FieldError("model", f"must be a name of 1 to {MAX_MODEL} characters, or left out", describe(model))]


def _row_errors(value: Mapping[str, Any], rows: Any) -> list[FieldError]:
    if value.keys() <= _KNOWN and ("rows" in value) != ("features" in value):
        if "features" in value or (isinstance(rows, list) and 0 < len(rows) <= MAX_ROWS):
            return []
        got = f"array of {len(rows)}" if isinstance(rows, list) else describe(rows)
        return [FieldError("rows", f"must be a list of 1 to {MAX_ROWS} feature objects", got)]
    errors = [
        FieldError(name, "unknown field; known are entity, model, features, rows, explain", describe(value[name]))
        for name in sorted(value.keys() - _KNOWN)[:MAX_NAMED]
    ]
    if "rows" in value and "features" in value:
        errors.append(FieldError("rows", "give either features or rows, not both", describe(rows)))
    if "rows" not in value and "features" not in value:
        errors.append(FieldError("features", "is missing: give an object of features", "nothing"))
    return errors


def _explain_errors(explain: Any, rows: Any) -> list[FieldError]:
    if not isinstance(explain, bool):
        return [FieldError("explain", "must be true or false", describe(explain))]
    if explain and isinstance(rows, list) and len(rows) > MOST_EXPLAINED:
        return [FieldError("rows", f"must be at most {MOST_EXPLAINED} where explain is true", f"array of {len(rows)}")]
    return []


def describe(value: Any) -> str:
    """A value as an error shows it: its JSON type and its text, cut to 64 characters, without API keys."""
    name = _TYPE_NAMES.get(type(value), type(value).__name__)
    text = masked(repr(value))
    return name if value is None else f"{name} {text if len(text) <= 64 else text[:63] + '…'}"


_TYPE_NAMES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
