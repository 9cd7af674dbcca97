"""`weir contract`: whether the API and the topics still are what their users were told."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import orjson

from streams.contract.changes import Change
from streams.contract.files import compare, write

ACCEPT = "`weir contract write` (or `make docs`) takes them into the descriptions that are kept"


@click.group()
def contract() -> None:
    """Compare the descriptions of the API and the topics with those that are kept."""


@contract.command()
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    default=Path("docs"),
    show_default=True,
    help="The folder with the openapi.json and asyncapi.json that users have.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(against: Path, as_json: bool) -> None:
    """Name what changed; fails where that breaks users."""
    found = compare(against)
    if as_json:
        shown = {name: [change._asdict() for change in changes] for name, changes in found.items()}
        click.echo(orjson.dumps(shown).decode())
    else:
        click.echo("\n".join(_lines(found)))
    if any(change.breaks for changes in found.values() for change in changes):
        sys.exit(1)


@contract.command(name="write")
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path("docs"), show_default=True
)
def write_files(to: Path) -> None:
    """Write the descriptions as they are now: later ones are held against them."""
    click.echo("\n".join(f"wrote {path}" for path in write(to)))


def _lines(found: Mapping[str, Sequence[Change]]) -> list[str]:
    lines = [
        f"{'BREAKS' if change.breaks else 'fine  '} {name}: {change.where} {change.what}"
        for name, changes in found.items()
        for change in changes
    ]
    return [*lines, ACCEPT] if lines else ["nothing changed"]
