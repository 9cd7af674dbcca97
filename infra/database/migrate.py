"""The schema: from whatever it is to the newest revision."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from infra.database.faults import reaching_postgres
from schemas.errors import BadSettings

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parents[1] / "migrations"
# Any number that nobody else locks: the bytes of "weir".
LOCK = 0x77656972


@dataclass(frozen=True, slots=True)
class Revision:
    """current: the database's, None where it is empty. head: the newest that this program knows."""

    current: str | None
    head: str | None

    @property
    def is_current(self) -> bool:
        return self.current == self.head


def init_db(engine: Engine) -> Revision:
    """Migrate to head in one transaction; a second caller waits, then finds nothing to do."""
    from alembic import command

    with alone(engine) as connection:
        command.upgrade(configuration(connection), "head")
        return revision_of(connection)


def drop_tables(connection: Connection) -> None:
    """Remove every table of Weir with all its rows; others stay. Raises BadSettings for a newer version's tables."""
    from alembic import command

    current = revision_of(connection).current
    if current is None:
        return
    if not knows_revision(current):
        raise BadSettings(f"the tables are at {current}, which is newer than this version of Weir: install that one")
    # The way back from some revisions takes no rows that the one before does not know.
    connection.execute(text("TRUNCATE prediction_feedback"))
    command.downgrade(configuration(connection), "base")
    connection.execute(text("DROP TABLE alembic_version"))


def knows_revision(revision: str) -> bool:
    """Whether this program has a migration of that name."""
    from alembic.script import ScriptDirectory

    return revision in {known.revision for known in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def schema_revision(engine: Engine) -> Revision:
    """Where the database's schema stands."""
    with reaching_postgres(), engine.connect() as connection:
        return revision_of(connection)


def configuration(connection: Connection) -> "Config":
    """Alembic's settings, without an ini file; the migrations run on this connection.

    Alembic is imported where it is used: a gateway reads the database and starts without it.
    """
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """One transaction, for as long as it takes; who else changes the schema waits."""
    with reaching_postgres(), engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = '5min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield connection


def revision_of(connection: Connection) -> Revision:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    current = MigrationContext.configure(connection).get_current_revision()
    return Revision(current, ScriptDirectory(str(MIGRATIONS)).get_current_head())
