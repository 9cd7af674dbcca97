"""`weir db`: the schema of the Postgres that DATABASE_URL names."""

import json
import os
from dataclasses import asdict

import click
from sqlalchemy import Engine

from infra.database.engine import create_db_engine
from infra.database.migrate import Revision, init_db, schema_revision
from streams.bring_up import local_settings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def db() -> None:
    """The tables in Postgres."""


@db.command()
@AS_JSON
def migrate(as_json: bool) -> None:
    """Bring the tables to this version's schema; does nothing where they are."""
    engine = _engine()
    try:
        before = schema_revision(engine).current
        after = init_db(engine)
    finally:
        engine.dispose()
    if as_json:
        click.echo(json.dumps({"from": before, "to": after.current}))
    elif before == after.current:
        click.echo(f"The tables are at {after.current} already.")
    else:
        click.echo(f"Migrated the tables from {before or 'nothing'} to {after.current}.")


@db.command()
@AS_JSON
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Which schema the database has; exit code 1 where it is not this version's."""
    engine = _engine()
    try:
        revision = schema_revision(engine)
    finally:
        engine.dispose()
    click.echo(json.dumps(asdict(revision)) if as_json else _in_words(revision))
    if not revision.is_current:
        ctx.exit(1)


def _engine() -> Engine:
    return create_db_engine(local_settings(os.environ).database_url.get_secret_value(), pool_size=1, max_overflow=0)


def _in_words(revision: Revision) -> str:
    if revision.is_current:
        return f"The tables are at {revision.current}, which is this version's schema."
    return (
        f"The tables are at {revision.current or 'nothing'}, this version needs {revision.head}: run `weir db migrate`."
    )
