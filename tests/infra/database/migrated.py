"""A database with its tables, for as long as a test wants it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from infra.database import create_db_engine, init_db


@contextmanager
def migrated(url: str) -> Iterator[Engine]:
    """An engine of the database at this address, migrated to head."""
    engine = create_db_engine(url)
    init_db(engine)
    yield engine
    engine.dispose()
