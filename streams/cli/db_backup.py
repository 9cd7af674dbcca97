"""`weir db backup`, `weir db restore`: the database as a file, and back."""

import json
import os
from pathlib import Path

import click

from infra.database.backup import back_up, restore
from schemas.errors import Unavailable
from streams.cli.database import opened
from streams.cli.ending import interruptible
from streams.cli.key_output import json_option
from streams.cli.quiet import tell_once

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="backup")
@click.argument("file", type=FILE)
@json_option
def backup_(file: Path, as_json: bool) -> None:
    """Write all of the database into FILE, as it is at one moment, by pg_dump. May be run while the platform runs.

    The file has what people sent and the sealed keys: only its owner may read it.
    """
    with opened() as engine, interruptible():
        revision = back_up(engine, file, os.environ)
    told = {"file": str(file), "bytes": file.stat().st_size, "revision": revision.current}
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(f"{file}: {told['bytes']} bytes, tables at {revision.current}")


@click.command(name="restore")
@click.argument("file", type=FILE)
@click.option("--clean", is_flag=True, help="Remove Weir's tables, with all that is in them, first.")
@click.option("--yes", is_flag=True, help="Do not ask before --clean.")
@json_option
def restore_(file: Path, clean: bool, yes: bool, as_json: bool) -> None:
    """Bring the backup in FILE into an empty database, by pg_restore. End the sinks before."""
    if clean and not yes:
        click.confirm("Remove all that Weir has in the database now, for good?", abort=True, err=True)
    tell_once()
    with opened() as engine:
        try:
            revision = restore(engine, file, os.environ, clean=clean)
        except Unavailable as error:
            raise click.ClickException(f"{error}: {file} is restored whole or not at all, run it again") from error
    if as_json:
        click.echo(json.dumps({"file": str(file), "revision": revision.current, "head": revision.head}))
        return
    click.echo(f"{file} is restored, tables at {revision.current}")
    if not revision.is_current:
        click.echo(f"This version needs {revision.head}: run `weir db migrate`.")
