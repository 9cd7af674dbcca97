"""`weir produce`: a file's rows as signed requests on Kafka."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, cast

import click
import orjson
from rich.console import Console

from schemas.errors import Unavailable
from streams.cli.files import Bad
from streams.cli.lines import Reading, read_csv, read_jsonl
from streams.cli.seconds import Seconds
from streams.cli.sending import BATCH, client_for, followed, key_from, key_options
from streams.cli.sent import Sent
from streams.client import Ask, OnLimit, WeirClient
from streams.limit_wait import ON_LIMIT


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@key_options
@click.option("--entity-field", help="Field or column that names the entity; the request id otherwise.")
@click.option("--model", help="Model asked for, where a line names none.")
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]), help="By the file's name otherwise.")
@click.option("--wait/--no-wait", default=False, help="Wait for the results, count them by status and say why.")
@click.option(
    "--timeout", type=Seconds(), default=30.0, show_default=True, help="What --wait gives a batch of results."
)
@click.option(
    "--on-limit",
    type=click.Choice(ON_LIMIT),
    default="return",
    show_default=True,
    help="With --wait, what to do where the limit is used up: count it, or wait for tokens within --timeout.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def produce(
    file: Path,
    key_id: str,
    api_key_env: str,
    entity_field: str | None,
    model: str | None,
    kind: Literal["csv", "jsonl"] | None,
    wait: bool,
    timeout: float,
    on_limit: OnLimit,
    as_json: bool,
) -> None:
    """Send each row of FILE (JSONL or CSV, - for standard input) as a signed prediction request.

    The API key is read from the environment or, where it is not there, from the first line of standard input;
    it is never an argument, which other users could see.
    """
    if on_limit == "wait" and not wait:
        raise click.UsageError("--on-limit wait needs --wait: without it no result is read")
    api_key = key_from(api_key_env, stdin_is_taken=str(file) == "-")
    client = client_for(api_key, key_id, replies=wait)
    read = read_csv if (kind or file.suffix.lower().lstrip(".")) == "csv" else read_jsonl
    with cast(BinaryIO, click.open_file(str(file), "rb")) as opened:
        lines = followed(read(opened, Reading(entity_field, model)), opened)
        sent = asyncio.run(send_all(client, lines, timeout if wait else None, on_limit))
    if as_json:
        click.echo(orjson.dumps(sent.as_json()))
    else:
        Console().print(sent.table())
    sys.exit(0 if sent.is_whole() else 1)


async def send_all(
    client: WeirClient, lines: Iterator[Ask | Bad], wait_s: float | None, on_limit: OnLimit = "return"
) -> Sent:
    """Send the lines in batches, each confirmed before the next; stops where the broker does not confirm one.

    wait_s: how long to wait for a batch's results, None for not at all. on_limit: as for `WeirClient.predict_many`.
    """
    sent = Sent()
    async with client:
        while batch := list(islice(lines, BATCH)):
            asks = [line for line in batch if isinstance(line, Ask)]
            for line in batch:
                if isinstance(line, Bad):
                    sent.reject(line)
            try:
                await _send(client, asks, wait_s, on_limit, sent)
            except Unavailable as error:
                sent.failed += len(asks)
                sent.stopped = str(error)
                break
    return sent


async def _send(client: WeirClient, asks: Sequence[Ask], wait_s: float | None, on_limit: OnLimit, sent: Sent) -> None:
    sent.sent += len(asks)
    if wait_s is None:
        await client.submit_many(asks)
    else:
        sent.count_results(await client.predict_many(asks, timeout=wait_s, on_limit=on_limit))
    sent.delivered += len(asks)
