"""The session of a repository: each of its methods is a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from infra.database.faults import describe, lies_in_row, reaching_postgres
from schemas.errors import InvalidRequest


@contextmanager
def committing(session: Session) -> Iterator[None]:
    """Commits in the end, and rolls back before anything is raised, so that the session can be used again.

    Raises InvalidRequest for a row that Postgres refuses, Unavailable while it does not answer.
    """
    try:
        with reaching_postgres():
            yield
            session.commit()
    except BaseException as error:
        session.rollback()
        if isinstance(error, DBAPIError) and lies_in_row(error):
            raise InvalidRequest(f"Postgres refuses the row: {describe(error)}") from error
        raise
