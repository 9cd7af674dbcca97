"""`weir sink rebuild`: the tables in Postgres made again from the topics."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from infra.database.holdings import rows_by_table
from infra.group_offsets import Span, members, spans_from
from infra.kafka import client_options
from schemas.errors import BadSettings, Unavailable
from streams.cli.database import bar, opened, print_rows
from streams.cli.giving import reached
from streams.cli.key_output import json_option
from streams.cli.moment import Moment
from streams.cli.quiet import tell_once
from streams.rebuild import Reading, rebuild
from streams.settings import Settings
from streams.topology import READS

EARLIEST = "earliest"
AGAIN = "run it again, with --into-existing, before a sink starts: that one would tell truths a second time"


class Start(Moment):
    """A moment, or `earliest`: None."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == EARLIEST else super().convert(value, param, ctx)


@click.group()
def sink() -> None:
    """What the sink keeps in Postgres."""


@sink.command(name="rebuild")
@click.option(
    "--from",
    "first",
    type=Start(),
    default=EARLIEST,
    show_default=True,
    help="Records from then on: earliest, RFC 3339, or 2h, 3d back.",
)
@click.option("--into-existing", is_flag=True, help="Where the tables hold rows already: what is stored stays.")
@json_option
def rebuild_(first: datetime | str, into_existing: bool, as_json: bool) -> None:
    """Store again what the topics hold now, by the sink's own stages. End every sink before.

    Takes the sinks' consumer group back. Whoever is interrupted runs it again, with --into-existing, before a sink
    starts.
    """
    tell_once()
    settings = reached()
    _check(settings, into_existing)
    moment_ms = None if isinstance(first, str) else max(0, int(first.timestamp() * 1000))
    topics = [settings.topic(topic.name) for topic in READS["sink"]]
    spans = spans_from(client_options(settings), topics, moment_ms)
    with bar("storing", sum(span.end - span.start for span in spans)) as progressed:
        try:
            reading = asyncio.run(rebuild(settings, spans, progressed))
        except (Unavailable, KeyboardInterrupt) as error:
            raise click.ClickException(f"{str(error) or 'interrupted'}: {AGAIN}") from error
    with opened(settings) as engine:
        report = _report(topics, reading, rows_by_table(engine))
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print(report)


def _check(settings: Settings, into_existing: bool) -> None:
    """Raises BadSettings where a sink runs, or the tables hold rows that may stay by no wish."""
    if settings.kafka_cluster_id:
        raise BadSettings("the broker inside librdkafka keeps its topics in memory only: a rebuild needs Apache Kafka")
    group = settings.topic("sink")
    if count := members(client_options(settings), group):
        killed = f"one that was killed leaves it after {settings.session_timeout_s:g} s"
        raise BadSettings(f"the group {group} has {count} in it: end every sink first; {killed}")
    with opened(settings) as engine:
        held = {name: rows for name, rows in rows_by_table(engine).items() if rows}
    if held and not into_existing:
        told = ", ".join(f"{name} {rows}" for name, rows in held.items())
        raise BadSettings(f"the tables hold rows ({told}): name an empty database, or rebuild with --into-existing")


def _report(topics: Sequence[str], reading: Reading, rows: Mapping[str, int]) -> dict[str, Any]:
    return {
        "topics": {
            topic: {"records": reading.records[topic], "not_kept": _not_kept(topic, reading.spans)} for topic in topics
        },
        "tables": dict(rows),
        "dead_letters": reading.dead_letters,
        "told_already": reading.told,
    }


def _not_kept(topic: str, spans: Sequence[Span]) -> int:
    return sum(span.kept_from for span in spans if span.topic == topic)


def _print(report: Mapping[str, Any]) -> None:
    heads = [Column("topic", overflow="fold"), Column("records", justify="right"), Column("not kept", justify="right")]
    table = Table(*heads, title="read", title_justify="left")
    for topic, found in report["topics"].items():
        table.add_row(topic, str(found["records"]), str(found["not_kept"] or ""))
    Console().print(table)
    print_rows("rows now", report["tables"])
    click.echo(
        f"{report['dead_letters']} dead letters were written; "
        f"{report['told_already']} truths were on their topic already and are not told again."
    )
    lost = {topic: found["not_kept"] for topic, found in report["topics"].items() if found["not_kept"]}
    for topic, count in lost.items():
        click.echo(f"{topic} no longer keeps its first {count} records: what they held is not in the tables.")
