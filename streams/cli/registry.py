"""`weir models announce` and `retire`: what the platform is told of a version in the store."""

import click

from schemas.control import Outcome
from streams.cli.giving import command_options, given


@click.command()
@click.argument("name")
@click.argument("version")
@command_options
def announce(name: str, version: str, reason: str | None, timeout: float, as_json: bool) -> None:
    """Let the control agent verify a version of the store, so that it is known before a route names it."""
    _print(given("publish_model", timeout, model=name, version=version, reason=reason), as_json)


@click.command()
@click.argument("name")
@click.argument("version")
@command_options
def retire(name: str, version: str, reason: str | None, timeout: float, as_json: bool) -> None:
    """Take a version out of service for good; refused while a route names it. Its files stay in the store."""
    _print(given("retire_model", timeout, model=name, version=version, reason=reason), as_json)


def _print(outcome: Outcome, as_json: bool) -> None:
    entry = outcome.entry or {}
    if as_json:
        click.echo(outcome.model_dump_json(exclude_none=True))
    else:
        click.echo(f"{outcome.status}: {entry['name']} {entry['version']} is {entry['status']}")
