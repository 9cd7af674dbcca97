"""One row that the database refuses does not hold up the others."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from infra.database.faults import describe, lies_in_row, sqlstate
from schemas.stored import RefusedRow

T = TypeVar("T")
Encoded = TypeVar("Encoded")


def write_isolating(
    connection: Connection, items: Sequence[tuple[int, T]], write: Callable[[list[T]], object]
) -> list[RefusedRow]:
    """Write all, or halve until each refused row stands alone.

    items: each with the index that it is reported by.
    """
    if not items:
        return []
    try:
        with connection.begin_nested():
            write([item for _, item in items])
        return []
    except DBAPIError as error:
        if not lies_in_row(error):
            raise
        if len(items) == 1:
            return [RefusedRow(items[0][0], f"{describe(error)} ({sqlstate(error)})")]
    middle = len(items) // 2
    return [
        *write_isolating(connection, items[:middle], write),
        *write_isolating(connection, items[middle:], write),
    ]


def encode_each(
    items: Sequence[tuple[int, T]], form: Callable[[T], Encoded]
) -> tuple[list[tuple[int, Encoded]], list[RefusedRow]]:
    """Each item in its JSON form, and those that have none (a lone surrogate, an integer beyond 64 bits)."""
    encoded: list[tuple[int, Encoded]] = []
    refused: list[RefusedRow] = []
    for index, item in items:
        try:
            encoded.append((index, form(item)))
        except TypeError as error:
            refused.append(RefusedRow(index, f"has no JSON form: {error}"))
    return encoded, refused


def as_array(rows: Sequence[bytes]) -> str:
    """One JSON array of rows that are JSON already."""
    return f"[{b','.join(rows).decode()}]"
