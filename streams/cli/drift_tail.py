"""`weir drift tail`: drifts as they are told."""

from contextlib import suppress
from datetime import UTC, datetime

import click

from infra.follow import following
from infra.kafka import client_options
from schemas.drift_events import DriftEvent, encode_drift, read_drift
from schemas.errors import Undecodable
from streams.cli.giving import reached
from streams.cli.moment import Moment
from streams.cli.printable import printable
from streams.topics import DRIFT_EVENTS

PHASES = {"opened": "red", "worsened": "red", "resolved": "green"}
MOVED = {"concept": "more answers are wrong", "outliers": "of the rows are outliers"}


@click.command()
@click.option("--from", "first", type=Moment(), help="From then on: RFC 3339, or 2h, 3d back; else from now on.")
@click.option("--model", help="Drifts of this model only.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
def tail(first: datetime | None, model: str | None, as_json: bool) -> None:
    """Follow drifts as they open, get worse and end; Ctrl-C ends it.

    Reads the topic drift-events in a consumer of its own.
    """
    settings = reached()
    topic, knows_times = settings.topic(DRIFT_EVENTS.name), not settings.kafka_cluster_id
    first_ms = None if first is None else max(0, int(first.timestamp() * 1000))
    with (
        suppress(KeyboardInterrupt),
        following(client_options(settings), topic, first_ms, knows_times=knows_times) as messages,
    ):
        for message in messages:
            place = f"{topic}[{message.partition()}]@{message.offset()}"
            _tell(place, message.value(), model, as_json=as_json)


def _tell(place: str, value: bytes | None, model: str | None, *, as_json: bool) -> None:
    try:
        event = read_drift(value)
    except Undecodable as error:
        click.echo(f"{place}: {printable(str(error))}", err=True)
        return
    if model in (None, event.model):
        click.echo(encode_drift(event) if as_json else line(event))


def line(event: DriftEvent) -> str:
    """An event in one line: when, what, how much, since when, why, and its id for `weir drift show`."""
    case = event.drift_result
    measured = f"({case.test}{_number('distance', case.distance)}{_number('p', case.p_value)})"
    moved = MOVED.get(event.subject, "of the rows moved")
    facts = [
        moment(event.timestamp),
        click.style(f"{event.phase:<8}", fg=PHASES[event.phase]),
        f"{event.severity:<8}",
        printable(f"{event.model} {event.model_version} {event.feature}:"),
        f"{case.effect:.0%} {moved} {printable(measured)},",
        f"since {moment(event.first_seen)}{cause(event)};",
        printable(event.event_id),
    ]
    return " ".join(facts)


def cause(event: DriftEvent) -> str:
    """What is likely to have caused it, where something is."""
    if event.cause is None:
        return ""
    source = f" {event.source}" if event.source else ""
    return printable(f", likely {event.cause.replace('_', ' ')}{source}")


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _number(name: str, value: float | None) -> str:
    return "" if value is None else f", {name} {value:.3g}"
