"""What the verbs of `weir keys` share: the manager, and how keys are printed."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from infra.auth import KeyManager, get_key_manager
from infra.bootstrap import await_listener
from infra.new_key import NewKey
from schemas.errors import Unavailable
from schemas.keys import ApiKey
from schemas.masked import masked
from streams.bring_up import local_settings
from streams.shown_key import shown_key

COLUMNS = ("id", "name", "permissions", "limit", "created", "expires", "state")
FOLDED = ("name", "permissions")
WIDE = 100
"""Characters that a table with every column needs; a narrower one leaves the least important out."""

LOOK_FIRST = "the change may have been made or not: look at `weir keys list` before you repeat it"
RUN_AGAIN = "some of the keys may be changed and some not: run it again"
"""For what may be repeated whatever became of it."""

# An id made by an earlier release may begin with a hyphen, which is no option here, not even where it has an h.
ID_FIRST = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
reason_option = click.option("--reason", help="Why, for the audit event.")


def manager() -> KeyManager:
    """The keys of the platform that the environment names, or that runs here. Raises Unavailable, BadSettings."""
    settings = local_settings(os.environ)
    await_listener(settings.kafka_bootstrap_servers)
    return get_key_manager(settings)


@contextmanager
def changing(advice: str = LOOK_FIRST) -> Iterator[KeyManager]:
    """The keys, for a change. Who is not answered must not take it for undone."""
    keys = manager()
    try:
        yield keys
    except Unavailable as error:
        raise click.ClickException(f"{error}: {advice}") from error


def described(key: ApiKey) -> dict[str, Any]:
    return shown_key(key, datetime.now(UTC))


def print_new(made: NewKey, *, as_json: bool) -> None:
    """The key, for the only time that it is shown."""
    if as_json:
        click.echo(json.dumps({"key": made.api_key, **described(made.key)}))
    else:
        click.echo(f"key  {made.api_key}\nid   {made.key.key_id}\nKeep the key now: it is not shown again.")


def print_keys(keys: Sequence[ApiKey], *, as_json: bool) -> None:
    listed = [described(key) for key in keys]
    if as_json:
        click.echo(json.dumps(listed))
    else:
        _print_table(listed)


def print_key(key: ApiKey, *, as_json: bool) -> None:
    facts = described(key)
    if as_json:
        click.echo(json.dumps(facts))
        return
    told = {**facts, "permissions": ", ".join(facts["permissions"]), "limit": f"{key.rate_limit}/h"}
    for name, value in told.items():
        if value not in (None, False):
            click.echo(f"{name:<12} {'yes' if value is True else value}")


def unknown(given: str, wanted: str = "a key") -> NoReturn:
    """What was given is not the id of what is wanted; a key given in its place is not repeated."""
    if masked(given) != given:
        raise click.ClickException("that is a key, not its id; `weir keys list` shows the ids")
    raise click.ClickException(f"{given} is not the id of {wanted}: see `weir keys list`")


def _print_table(listed: Sequence[dict[str, Any]]) -> None:
    console = Console()
    columns = [name for name in COLUMNS if name != "created" or console.width >= WIDE]
    table = Table(*(Column(name, overflow="fold", no_wrap=name not in FOLDED) for name in columns))
    for key in listed:
        shown = {
            **key,
            "name": escape(key["name"]),
            "permissions": ", ".join(key["permissions"]),
            "limit": f"{key['limit']}/h",
            "created": key["created"][:10],
            "expires": (key["expires"] or "never")[:10],
        }
        table.add_row(*(shown[column] for column in columns))
    console.print(table)
