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
    connection: Connection,
    items: Sequence[tuple[int, T]],
    write: Callable[[list[T]], object],
    instead: Callable[[T], tuple[Sequence[tuple[int, T]], list[RefusedRow]]] = lambda _: ((), []),
) -> list[RefusedRow]:
    """Write all, or halve until each refused row stands alone.

    items: each with the index that it is reported by.
    instead: what is written in a refused item's place, at once, which keeps the order of locks; and what cannot be.
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
        reason = f"{describe(error)} ({sqlstate(error)})"
    if len(items) == 1:
        [(index, item)] = items
        next_items, unwritten = instead(item)
        refused = [RefusedRow(index, reason), *unwritten]
        return [*refused, *write_isolating(connection, next_items, write, instead)]
    middle = len(items) // 2
    return [
        *write_isolating(connection, items[:middle], write, instead),
        *write_isolating(connection, items[middle:], write, instead),
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
            refused.append(formless(index, error))
    return encoded, refused


def formless(index: int, error: TypeError) -> RefusedRow:
    return RefusedRow(index, f"has no JSON form: {error}")


def as_array(rows: Sequence[bytes]) -> str:
    """One JSON array of rows that are JSON already."""
    return f"[{b','.join(rows).decode()}]"
