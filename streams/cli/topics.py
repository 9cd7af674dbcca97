"""`weir topics`: make the topics and check them."""

import os

import click
import orjson
from rich.console import Console
from rich.table import Column, Table

from streams.bring_up import local_settings
from streams.topics import DAY_MS, TOPICS, check_topics, create_topics


@click.group()
def topics() -> None:
    """Create and check the topics."""


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(as_json: bool) -> None:
    """Create the topics that do not exist yet."""
    created = create_topics(local_settings(os.environ))
    if as_json:
        click.echo(orjson.dumps({"created": created}).decode())
    else:
        click.echo("\n".join(f"created {name}" for name in created) or "every topic exists")


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(as_json: bool) -> None:
    """Show every topic with its partitions; fails naming those that are missing or kept wrongly."""
    settings = local_settings(os.environ)
    found = check_topics(settings)
    if as_json:
        click.echo(orjson.dumps(found).decode())
        return
    table = Table(Column("topic", overflow="fold"), "partitions", "key", "keeps")
    for topic in TOPICS:
        name = settings.topic(topic.name)
        table.add_row(name, str(found[name]), topic.key, kept(topic.retention_ms))
    Console().print(table)


def kept(retention_ms: int | None) -> str:
    """What a topic keeps, in words."""
    if retention_ms is None:
        return "last of each key"
    return f"{retention_ms // DAY_MS} days" if retention_ms >= DAY_MS else f"{retention_ms // 60_000} minutes"
