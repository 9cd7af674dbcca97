"""Many rows, a batch at a time: found by one connection while another changes them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text

from infra.database.faults import reaching_postgres


@contextmanager
def unhurried(engine: Engine) -> Iterator[Connection]:
    """A connection to look with, for as long as that takes. Raises Unavailable, BadSettings."""
    with reaching_postgres(), engine.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SET LOCAL cursor_tuple_fraction = 1"))  # all of it is wanted, not the first row soon
        yield connection


def found(connection: Connection, query: str, given: Mapping[str, Any], size: int) -> Iterator[Sequence[Any]]:
    """The query's only column in batches, as they were when it began; no more than a batch is held."""
    with connection.execute(text(query), given, execution_options={"yield_per": size}) as rows:
        yield from rows.scalars().partitions(size)
