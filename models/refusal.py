"""The slow, exact twin of the encoder: says what is wrong with a row, field by field."""

import json
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from models.signature import LARGEST, Feature, Signature
from schemas.errors import FieldError
from schemas.masked import masked

SHOWN = 64
# A body of one megabyte holds fifty thousand unknown names; a refusal must stay smaller than its request.
UNKNOWN_NAMED = 64

_ABSENT = object()


class _Brief(reprlib.Repr):
    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(masked(x), level)


_brief = _Brief()
_brief.maxlevel, _brief.maxlist, _brief.maxdict, _brief.maxstring = 2, 3, 3, 20


def explain(signature: Signature, row: Any) -> tuple[FieldError, ...]:
    """Every offending field of one row in signature order, then unknown ones; empty for a valid row."""
    if not isinstance(row, dict):
        return (FieldError("features", "must be a JSON object of feature names and values", describe(row)),)
    known = (_check(feature, row.get(feature.name, _ABSENT)) for feature in signature.features)
    return (*filter(None, known), *_unknown(signature, row))


def requirement(feature: Feature) -> str:
    """What a feature's value must be, bounds included, as the end of a sentence."""
    if feature.type == "str":
        return "must be a string"
    kind = "an integer" if feature.type == "int" else "a number"
    low, high = feature.minimum, feature.maximum
    if low is not None and high is not None:
        return f"must be {kind} from {_exact(low)} to {_exact(high)}, both included"
    if low is not None:
        return f"must be {kind} >= {_exact(low)}"
    if high is not None:
        return f"must be {kind} <= {_exact(high)}"
    return f"must be {kind}"


def describe(value: Any) -> str:
    """JSON type and value of anything, cut to about 64 characters, at bounded cost; an API key is not shown."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean {str(value).lower()}"
    if isinstance(value, int):
        # Python refuses to print integers of more than 4300 digits.
        return f"number {value}" if value.bit_length() <= 200 else f"number of {value.bit_length()} bits"
    if isinstance(value, float):
        return f"number {json.dumps(value)}"
    if isinstance(value, str):
        return f"string {_cut(json.dumps(masked(value[:SHOWN]), ensure_ascii=False))}"
    kind = "array" if isinstance(value, list) else "object" if isinstance(value, dict) else type(value).__name__
    return f"{kind} {_cut(_brief.repr(value))}"


def _exact(bound: float) -> str:
    return repr(bound).removesuffix(".0")


def _check(feature: Feature, value: Any) -> FieldError | None:
    if value is _ABSENT:
        return FieldError(feature.name, f"is missing: {requirement(feature)}", "nothing")
    if _fits(feature, value):
        return None
    return FieldError(feature.name, _reason(feature, value), describe(value))


def _fits(feature: Feature, value: Any) -> bool:
    if feature.type == "str":
        return type(value) is str
    if type(value) not in (int, float):
        return False
    try:
        number = float(value)
    except OverflowError:
        return False
    return feature.low <= number <= feature.high and (feature.type == "float" or number.is_integer())


def _reason(feature: Feature, value: Any) -> str:
    numeric = feature.type != "str" and type(value) in (int, float)
    # Written so that NaN, which compares to nothing, counts as too large as well.
    too_large = numeric and not abs(value) <= LARGEST
    return requirement(feature) + (", finite as a 32-bit float" if too_large else "")


def _unknown(signature: Signature, row: Mapping[str, Any]) -> Iterator[FieldError]:
    known = set(signature.names)
    strangers = [name for name in row if name not in known]
    for name in strangers[:UNKNOWN_NAMED]:
        yield FieldError(_cut(str(name)), "is no feature of this model: leave it out", describe(row[name]))
    if (more := len(strangers) - UNKNOWN_NAMED) > 0:
        yield FieldError("...", f"and {more} more unknown fields: leave them out", f"{len(row)} fields")


def _cut(text: str) -> str:
    # A lone surrogate is no UTF-8: it would spoil the refusal on its way out.
    short = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    return short.encode(errors="backslashreplace").decode()
