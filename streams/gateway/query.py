"""What stands behind the question mark."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe


def only_known(given: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    """The same. Raises InvalidRequest naming every field that is not known."""
    reason = f"unknown field; known are {', '.join(names) or 'none'}"
    return checked(given, {name: reason for name in given.keys() - set(names)})


def checked(given: Mapping[str, Any], wrong: Mapping[str, str]) -> Mapping[str, Any]:
    """The same. Raises InvalidRequest where anything is wrong. wrong: field -> what it must be."""
    if wrong:
        fields = [FieldError(name, wrong[name], describe(given[name])) for name in sorted(wrong)]
        raise InvalidRequest("the request is not of the expected form", fields)
    return given
