"""`weir keys bootstrap` and `weir keys reseal`: the first admin key, and a new master secret."""

import json
import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streams.cli.key_output import RUN_AGAIN, changing, described, json_option, print_new


@click.command()
@click.option("--name", default="first admin", show_default=True, help="Who uses the key.")
@json_option
def bootstrap(name: str, as_json: bool) -> None:
    """Create the first admin key, with every permission, and print it: once, where no admin key is in force yet."""
    with changing() as key_manager:
        made = key_manager.bootstrap(name)
    print_new(made, as_json=as_json)


@click.command()
@json_option
def reseal(as_json: bool) -> None:
    """Seal every key under WEIR_MASTER_SECRET that WEIR_MASTER_SECRET_PREVIOUS still opens; may be repeated.

    Ends with 1 where a key in force opens under neither: it is left as it is.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with changing(RUN_AGAIN) as keys, Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sealing", total=None)
        sealed = keys.reseal(lambda done, total: progress.update(task, completed=done, total=total))
    unopened = [described(key) for key in sealed.unopened]
    if as_json:
        click.echo(json.dumps({"resealed": sealed.done, "unopened": unopened}))
    else:
        click.echo(f"{sealed.done} keys sealed under the present secret")
        for key in unopened:
            told = f"{key['id']} ({key['name']}, {key['state']})"
            click.echo(f"{told} opens under neither secret: it is left as it is", err=True)
    if any(key["state"] == "valid" for key in unopened):
        advice = "set the secret that they were sealed under, or replace them: `weir keys rotate ID --grace now`"
        click.echo(f"keys in force are not sealed anew: {advice}", err=True)
        sys.exit(1)
