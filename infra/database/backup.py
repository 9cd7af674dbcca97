"""The database as a file, and back."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, text

from infra.database.dump_tools import find_reader, find_writer, printed_by, run_tool
from infra.database.faults import reaching_postgres
from infra.database.migrate import Revision, alone, drop_tables, knows_revision, revision_of, schema_revision
from infra.database.script import carry_out
from schemas.errors import BadSettings, Unavailable

WHOSE = ("--no-owner", "--no-privileges")
_TABLES = text(
    """
    SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY tablename
    """
)
# Numbers begin anew: those after the backup may be known to whoever counts, and would be taken for what comes again.
_NEW_SERIES = (
    text("DELETE FROM labelled_relay"),
    text("UPDATE labelled_numbers SET series = gen_random_uuid(), last = 0"),
    text("UPDATE labelled_outbox SET number = NULL WHERE number IS NOT NULL"),
)


def back_up(engine: Engine, file: Path, environ: Mapping[str, str]) -> Revision:
    """Write the database into a new file, in pg_dump's custom format; it appears whole, and to its owner only.

    Raises BadSettings, Unavailable.
    """
    if file.exists():
        raise BadSettings(f"{file} exists: name a new file")
    revision = schema_revision(engine)
    if revision.current is None:
        raise BadSettings("the database has no tables of Weir: there is nothing to back up")
    tool = find_writer(_server(engine), environ)
    part = _new_part(file)
    try:
        run_tool(tool, ["--format=custom", *WHOSE, "--file", part], environ, engine.url)
        part.rename(file)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return revision


def restore(engine: Engine, file: Path, environ: Mapping[str, str], *, clean: bool = False) -> Revision:
    """Bring a backup into an empty database; the revision that it is at.

    clean: remove Weir's tables before. All of it is one transaction: who fails or is interrupted leaves the database as
    it was. Raises BadSettings, Unavailable.
    """
    tool = find_reader(_server(engine), environ)
    backed_up = _revision_in(file, tool, environ)
    if not knows_revision(backed_up):
        raise BadSettings(
            f"{file} is at revision {backed_up}, which is newer than this version of Weir: install that one"
        )
    with alone(engine) as connection:
        if clean:
            drop_tables(connection)
        elif tables := list(connection.scalars(_TABLES)):
            raise BadSettings(
                f"the database is not empty, it has {tables[0]} and {len(tables) - 1} more tables: name an empty one, "
                "or restore with --clean, which removes Weir's tables first"
            )
        _fill(connection, file, tool, environ)
        return revision_of(connection)


def _fill(connection: Connection, file: Path, tool: Path, environ: Mapping[str, str]) -> None:
    driver: Any = connection.connection.driver_connection
    connection.detach()  # the script's settings are for nobody else
    try:
        with printed_by(tool, [*WHOSE, "--file=-", file], environ) as script, driver.cursor() as cursor:
            carry_out(script, cursor)
    except psycopg.Error as error:
        raise Unavailable("postgres", error.diag.message_primary or "does not answer") from error
    connection.execute(text("RESET ALL"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    if connection.scalar(text("SELECT to_regclass('labelled_numbers')")) is not None:
        for statement in _NEW_SERIES:
            connection.execute(statement)
    connection.execute(text("ANALYZE"))


def _new_part(file: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise BadSettings(f"{file} cannot be written: {error.strerror}") from error
    os.close(handle)
    return Path(name)


def _revision_in(file: Path, tool: Path, environ: Mapping[str, str]) -> str:
    """The revision that a backup was made at. Raises BadSettings for what is none of Weir's."""
    if not file.is_file():
        raise BadSettings(f"{file} is no file")
    try:
        script = run_tool(tool, ["--data-only", "--table=alembic_version", "--file=-", file], environ)
    except Unavailable as error:
        raise BadSettings(f"{file} is no backup, or one that {tool} cannot read: {error}") from error
    _, _, rows = script.partition(" FROM stdin;\n")
    if not rows or rows.startswith("\\."):
        raise BadSettings(f"{file} is no backup of Weir: it does not say at which revision its tables are")
    return rows.splitlines()[0]


def _server(engine: Engine) -> int:
    with reaching_postgres(), engine.connect() as connection:
        return int(str(connection.scalar(text("SHOW server_version_num")))) // 10000
