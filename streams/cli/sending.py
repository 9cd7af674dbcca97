"""What verbs share that send a file's lines to Kafka: the key, the client, and the bar."""

import os
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from infra.bootstrap import await_listener
from schemas.errors import BadSettings
from streams.bring_up import local_settings
from streams.cli.quiet import tell_once
from streams.client import WeirClient

T = TypeVar("T")
BATCH = 500

_key_id = click.option("--key-id", required=True, help="Id of the API key, as `weir keys create` printed it.")
_key_env = click.option(
    "--api-key-env", default="WEIR_API_KEY", show_default=True, help="Variable that holds the API key."
)


def key_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Whose key the lines are signed with."""
    return _key_id(_key_env(verb))


def key_from(variable: str, *, stdin_is_taken: bool) -> str:
    """The API key in the environment or, where it is not there, on standard input. Raises BadSettings."""
    api_key = os.environ.get(variable, "").strip()
    if not api_key and not stdin_is_taken:
        api_key = _asked() if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not api_key:
        raise BadSettings(f"no API key: set {variable}, or give the key on standard input")
    return api_key


def client_for(api_key: str, key_id: str, *, replies: bool) -> WeirClient:
    """A client of the platform that the environment names. Raises BadSettings, and Unavailable where no broker
    listens."""
    tell_once()
    settings = local_settings(os.environ)
    client = WeirClient(api_key=api_key, key_id=key_id, settings=settings, replies=replies)
    await_listener(settings.kafka_bootstrap_servers)
    return client


def followed(lines: Iterator[T], file: BinaryIO) -> Iterator[T]:
    """The lines, with a bar on standard error, where that is a terminal, that shows how much of the file is read."""
    console = Console(stderr=True)
    total = os.fstat(file.fileno()).st_size if file.seekable() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("sending", total=total)
        for number, line in enumerate(lines):
            if number % BATCH == 0 and total is not None:
                progress.update(task, completed=file.tell())
            yield line


def _asked() -> str:
    return str(click.prompt("API key", hide_input=True, err=True))
