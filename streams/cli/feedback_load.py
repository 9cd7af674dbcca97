"""`weir feedback load`: a file's ground truth as signed records on Kafka."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, cast

import click
import orjson
from rich.console import Console

from schemas.errors import InvalidRequest, Unavailable
from schemas.feedback import Feedback, read_feedback
from streams.cli.key_output import json_option
from streams.cli.labels import Line, read_label_table, read_labels
from streams.cli.loaded import INTERRUPTED, Loaded
from streams.cli.sending import client_for, followed, key_from, key_options
from streams.client import WeirClient
from streams.labels import Label, RefusedLine

BATCH = 2000
"""Labels sent at once: more than requests, as they are small and nobody waits for an answer to each."""


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@key_options
@click.option("--source", default="load", show_default=True, help="Who says so, where a line does not tell.")
@click.option("--format", "kind", type=click.Choice(["csv", "ndjson", "jsonl"]), help="By the file's name otherwise.")
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each refused line to this file, as JSON with its number, the fields and the reasons.",
)
@json_option
def load(
    file: Path,
    key_id: str,
    api_key_env: str,
    source: str,
    kind: Literal["csv", "ndjson", "jsonl"] | None,
    rejected: Path | None,
    as_json: bool,
) -> None:
    """Send each label of FILE (CSV or NDJSON, - for standard input) as signed ground truth.

    Its columns or fields are request_id and label and, where wanted, row, source and observed_at. A line that is none
    is refused with its number, and the others are sent. The API key is read as `weir produce` reads it.
    """
    if rejected is not None and rejected.exists() and file.exists() and rejected.samefile(file):
        raise click.UsageError("--rejected names the file that is to be read")
    defaults = _defaults(source)
    client = client_for(key_from(api_key_env, stdin_is_taken=str(file) == "-"), key_id, replies=False)
    read = read_label_table if (kind or file.suffix.lower().lstrip(".")) == "csv" else read_labels
    with cast(BinaryIO, click.open_file(str(file), "rb")) as opened, _written(rejected) as list_of_refused:
        loaded = load_all(client, followed(read(opened, defaults), opened), list_of_refused)
    if as_json:
        click.echo(orjson.dumps(loaded.as_json()))
    else:
        Console().print(loaded.table())
    sys.exit(loaded.exit_code())


def _defaults(source: str) -> dict[str, str]:
    try:
        read_feedback({"request_id": "any", "label": 0, "source": source})
    except InvalidRequest as error:
        raise click.BadParameter(error.fields[0].reason, param_hint="--source") from None
    return {"source": source}


@contextmanager
def _written(file: Path | None) -> Iterator[BinaryIO | None]:
    if file is None:
        yield None
        return
    try:
        opened = file.open("wb")
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="--rejected") from None
    try:
        yield opened
    finally:
        with suppress(OSError):  # of what could not be written was told as it was
            opened.close()


def load_all(client: WeirClient, lines: Iterator[Line], rejected: BinaryIO | None = None) -> Loaded:
    """Send the lines in batches, each confirmed before the next; stops where the broker does not confirm one.

    Ctrl-C ends it once the batch that is under way is confirmed. rejected: gets the refused lines.
    """
    loaded = Loaded()
    # Reads outside the event loop: there Ctrl-C ends a wait for standard input.
    with asyncio.Runner() as runner:
        runner.run(client.__aenter__())
        try:
            while loaded.stopped is None and (batch := list(islice(lines, BATCH))):
                _note_refused([line for line in batch if isinstance(line, RefusedLine)], loaded, rejected)
                if loaded.stopped is not None:
                    break
                _send(runner, client, [line.feedback for line in batch if isinstance(line, Label)], loaded)
                loaded.through_line = batch[-1].line if loaded.failed == 0 else loaded.through_line
        except KeyboardInterrupt:
            loaded.stopped = INTERRUPTED
        finally:
            runner.run(client.__aexit__())
    return loaded


def _note_refused(lines: Sequence[RefusedLine], loaded: Loaded, rejected: BinaryIO | None) -> None:
    for line in lines:
        loaded.refuse(line)
    if rejected is not None:
        try:
            rejected.writelines(orjson.dumps(line.as_json(), option=orjson.OPT_APPEND_NEWLINE) for line in lines)
            rejected.flush()
        except OSError as error:
            loaded.stopped = f"the refused lines cannot be written: {error.strerror}"


def _send(runner: asyncio.Runner, client: WeirClient, labels: Sequence[Feedback], loaded: Loaded) -> None:
    loaded.sent += len(labels)
    try:
        was_interrupted = runner.run(_confirmed(client, labels))
    except Unavailable as error:
        loaded.failed += len(labels)
        loaded.stopped = str(error)
        return
    loaded.delivered += len(labels)
    if was_interrupted:
        loaded.stopped = INTERRUPTED


async def _confirmed(client: WeirClient, labels: Sequence[Feedback]) -> bool:
    """Whether Ctrl-C came before the broker had all of them. Raises Unavailable."""
    sending = asyncio.ensure_future(client.feedback_many(labels))
    try:
        await asyncio.shield(sending)
    except asyncio.CancelledError:
        await sending
        return True
    return False
