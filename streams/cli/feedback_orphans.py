"""`weir feedback orphans`: ground truth whose prediction never came."""

import os
from dataclasses import asdict
from datetime import UTC, datetime

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.database.engine import create_db_engine
from infra.database.orphans import Orphans, find_orphans
from streams.bring_up import local_settings
from streams.cli.key_output import json_option
from streams.cli.moment import Moment
from streams.cli.printable import printable

PATIENCE_S = 600.0
MOST_LISTED = 1000


@click.command()
@click.option("--older-than", type=Moment(), default="7d", show_default=True, help="For how long, or since when.")
@click.option(
    "--limit",
    type=click.IntRange(0, MOST_LISTED),
    default=20,
    show_default=True,
    help="How many to list, the oldest first.",
)
@json_option
def orphans(older_than: datetime, limit: int, as_json: bool) -> None:
    """Count labels that wait for a prediction, by age and by source, and list the oldest.

    Results stay on their topic for seven days: a label that has waited longer has a wrong request id or row, or one
    whose prediction was pruned. `--older-than 0s` counts what waits at all.
    """
    url = local_settings(os.environ).database_url.get_secret_value()
    engine = create_db_engine(url, pool_size=1, max_overflow=0, patience_s=PATIENCE_S)
    try:
        found = find_orphans(engine, before=older_than, now=datetime.now(UTC), most=limit)
    finally:
        engine.dispose()
    if as_json:
        others = {"waiting_since": older_than, "of_other_sources": found.of_other_sources}
        click.echo(orjson.dumps({**asdict(found), **others}))
    else:
        _print(found, older_than)


def _print(found: Orphans, before: datetime) -> None:
    console = Console()
    if not found.count:
        console.print(f"No label has waited for its prediction since {before:%Y-%m-%d %H:%M} UTC.")
        return
    counts = Table("labels without a prediction", "count")
    for age, count in found.ages.items():
        if count:
            counts.add_row(age, str(count))
    for source, count in found.sources.items():
        counts.add_row(f"source {escape(printable(source))}", str(count))
    if found.of_other_sources:
        counts.add_row("other sources", str(found.of_other_sources))
    counts.add_row("in all", str(found.count))
    console.print(counts)
    listed = Table("request id", "row", "since", "source", "another row is stored")
    for one in found.oldest:
        told = (escape(one.request_id), str(one.row), f"{one.since:%Y-%m-%d %H:%M}", escape(printable(one.source)))
        listed.add_row(*told, "yes" if one.other_row else "no")
    if found.oldest:
        console.print(listed)
