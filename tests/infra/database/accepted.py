"""Rows that a table takes, whichever its columns are: drawn by what the catalogue says of them, and tried."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, exc, text

from tests.infra.database.rows import MOMENT

ROWS, TRIES = 3, 1000
COLUMNS = text(
    """
    SELECT column_name, udt_name, is_nullable = 'YES', character_maximum_length FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = :table AND is_identity = 'NO' ORDER BY ordinal_position
    """
)
CHECKS = text(
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass(:table) AND contype = 'c'"
)


class Column(NamedTuple):
    """said: the texts that the table's checks name beside it."""

    name: str
    kind: str
    nullable: bool
    length: int | None
    said: Sequence[str]

    def draw(self, chance: Random) -> Any:
        """Some value of few, so that rows of several tables meet."""
        if self.nullable and chance.random() < 0.3:
            return None
        values: Mapping[str, Any] = {
            "text": chance.choice(self.said or [f"n{number}" for number in range(8)]),
            "_text": ["predict"],
            "bool": chance.random() < 0.5,
            "int2": chance.randrange(4),
            "int4": chance.randrange(4),
            "int8": chance.randrange(4),
            "float8": chance.random(),
            "timestamptz": MOMENT + timedelta(minutes=chance.randrange(1000)),
            "json": chance.choice(('{"17": 2}', '{"predictions": 1, "é": 3}')),  # counts, as triggers may sum them up
            "uuid": str(UUID(int=chance.getrandbits(128))),
        }
        value = values[{"varchar": "text", "jsonb": "json"}.get(self.kind, self.kind)]
        return value[: self.length] if isinstance(value, str) and self.length else value


def fill(connection: Connection, table: str, chance: Random) -> None:
    """Insert a few rows that the table's checks and keys accept."""
    columns, refusal, accepted = _columns(connection, table), "", 0
    names = ", ".join(f'"{column.name}"' for column in columns)
    places = ", ".join(f":c{place}" for place in range(len(columns)))
    insert = text(f"INSERT INTO {table} ({names}) VALUES ({places})")
    for _ in range(TRIES):
        try:
            with connection.begin_nested():
                connection.execute(insert, {f"c{place}": column.draw(chance) for place, column in enumerate(columns)})
        except exc.IntegrityError as error:
            refusal = str(error.orig)
            continue
        accepted += 1
        if accepted == ROWS:
            return
    raise AssertionError(f"{table} accepted {accepted} of {TRIES} rows; the last was refused: {refusal}")


def _columns(connection: Connection, table: str) -> list[Column]:
    checks = connection.execute(CHECKS, {"table": table}).scalars().all()

    def said(name: str) -> list[str]:
        return [word for check in checks if re.search(rf"\b{name}\b", check) for word in re.findall(r"'(\w+)'", check)]

    found = connection.execute(COLUMNS, {"table": table})
    return [Column(name, kind, nullable, length, said(name)) for name, kind, nullable, length in found]
