"""Foreign errors at the border: the database is away, or one row is not storable."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schemas.errors import BadSettings, Unavailable

# SQLSTATE classes of faults in the row itself: data, constraint, limits such as an index entry's size.
ROW_CLASSES = ("22", "23", "54")
# Connection, rollback (deadlock), resources, lock timeout, shutdown, system: the next try may pass.
PASSING_CLASSES = ("08", "40", "53", "55", "57", "58", "XX")
READ_ONLY = "25006"
NO_TABLES = ("42P01", "42703", "3F000")


def sqlstate(error: DBAPIError) -> str:
    """The five characters of the server's error, empty where no server answered."""
    return getattr(error.orig, "sqlstate", None) or ""


def lies_in_row(error: DBAPIError) -> bool:
    return sqlstate(error)[:2] in ROW_CLASSES


def describe(error: DBAPIError) -> str:
    """The server's own one-line message: neither the statement nor the values nor the URL."""
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return str(primary) if primary else "does not answer; check that it runs and that DATABASE_URL names it"


def passes(error: DBAPIError) -> bool:
    """Whether waiting and trying again is the answer."""
    state = sqlstate(error)
    if state == READ_ONLY or state[:2] in PASSING_CLASSES or error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError) and state[:2] not in ROW_CLASSES


@contextmanager
def reaching_postgres() -> Iterator[None]:
    """Turns what says "not now" into Unavailable, and missing tables into BadSettings; the rest goes on."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("postgres", "every pooled connection is in use; raise pool_size") from error
    except DBAPIError as error:
        if passes(error):
            raise Unavailable("postgres", describe(error)) from error
        if sqlstate(error) in NO_TABLES:
            raise BadSettings(f"{describe(error)}: run `weir db migrate`") from error
        raise
