"""`weir db`: the Postgres that DATABASE_URL names: its schema, and what is stored in it."""

import json
from dataclasses import asdict

import click

from infra.database.migrate import Revision, init_db, schema_revision
from streams.cli.database import opened
from streams.cli.db_backup import backup_, restore_
from streams.cli.db_forget import forget_
from streams.cli.db_prune import prune_

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def db() -> None:
    """The tables in Postgres."""


@db.command()
@AS_JSON
def migrate(as_json: bool) -> None:
    """Bring the tables to this version's schema; does nothing where they are."""
    with opened() as engine:
        before = schema_revision(engine).current
        after = init_db(engine)
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
    with opened() as engine:
        revision = schema_revision(engine)
    click.echo(json.dumps(asdict(revision)) if as_json else _in_words(revision))
    if not revision.is_current:
        ctx.exit(1)


db.add_command(backup_)
db.add_command(restore_)
db.add_command(forget_)
db.add_command(prune_)


def _in_words(revision: Revision) -> str:
    if revision.is_current:
        return f"The tables are at {revision.current}, which is this version's schema."
    return (
        f"The tables are at {revision.current or 'nothing'}, this version needs {revision.head}: run `weir db migrate`."
    )
