"""`weir drift show`: one episode of drift."""

import asyncio
import os
from collections.abc import Sequence
from typing import get_args

import click
import orjson
from msgspec import to_builtins

from infra.bootstrap import await_listener
from infra.compacted import read_records
from infra.database import create_db_engine
from infra.kafka import client_options
from schemas.drift_events import DriftEvent, Phase, read_drift
from schemas.errors import BadSettings, Unavailable, Undecodable
from streams.bring_up import local_settings
from streams.cli.drift_case import print_episode
from streams.cli.key_output import json_option
from streams.settings import Settings
from streams.stored_drift import StoredDrift
from streams.topics import DRIFT_EVENTS

PATIENCE_S = 60.0


@click.command()
@click.argument("event_id")
@json_option
def show(event_id: str, as_json: bool) -> None:
    """Show an episode of drift: what moved, when, by how much, and the likely cause.

    Looks in Postgres, and on the topic drift-events for what is not stored there.
    """
    settings = local_settings(os.environ)
    steps = _stored(settings, event_id) or _told(settings, event_id)
    if not steps:
        raise click.ClickException(
            f"no episode of drift {event_id[:100]!r}: `weir drift tail --from 30d` shows the ids of what was told"
        )
    if as_json:
        click.echo(orjson.dumps([to_builtins(step) for step in steps]))
    else:
        print_episode(steps)


def _stored(settings: Settings, event_id: str) -> Sequence[DriftEvent]:
    """None where the database has none, or cannot be asked: the topic has what is new."""
    engine = create_db_engine(settings.database_url.get_secret_value(), pool_size=1)
    try:
        return () if "\x00" in event_id else asyncio.run(StoredDrift(engine).steps(event_id))
    except (Unavailable, BadSettings) as error:
        click.echo(f"not from Postgres: {error}", err=True)
        return ()
    finally:
        engine.dispose()


def _told(settings: Settings, event_id: str) -> Sequence[DriftEvent]:
    """The steps as they lie on the topic, each once. Raises Unavailable."""
    await_listener(settings.kafka_bootstrap_servers)
    found: dict[bytes, DriftEvent] = {}

    def note(_: bytes, value: bytes | None) -> None:
        try:
            event = read_drift(value)
        except Undecodable:
            return
        if value is not None and event.event_id == event_id:
            found[value] = event

    read_records(client_options(settings), settings.topic(DRIFT_EVENTS.name), note, PATIENCE_S)
    phases = get_args(Phase)
    return sorted(found.values(), key=lambda event: (event.windows, phases.index(event.phase), event.timestamp))
