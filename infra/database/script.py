"""The script that pg_restore writes, carried out within a transaction of ours."""

import re
from collections.abc import Iterator
from contextlib import suppress

from psycopg import Cursor

_COPY = re.compile(rb"COPY .+ FROM stdin;\n")
# The first is for psql alone; the second no server before 17 knows.
_PASSED_OVER = re.compile(rb"\\(un)?restrict .+\n|SET transaction_timeout = 0;\n")
_END = b"\\.\n"


def carry_out(lines: Iterator[bytes], cursor: Cursor) -> None:
    """Its statements, each table's rows as they are read; it commits nothing and leaves settings of its own.

    Of a script that ends among rows its writer tells why: the transaction has failed. Raises psycopg.Error.
    """
    statements: list[bytes] = []
    for line in lines:
        if _COPY.fullmatch(line):
            _execute(cursor, statements)
            with suppress(EOFError), cursor.copy(line) as copy:
                for row in _rows(lines):
                    copy.write(row)
        elif not _PASSED_OVER.fullmatch(line):
            statements.append(line)
    _execute(cursor, statements)


def _rows(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line == _END:
            return
        yield line
    raise EOFError


def _execute(cursor: Cursor, statements: list[bytes]) -> None:
    if statements:
        cursor.execute(b"".join(statements))
        statements.clear()
