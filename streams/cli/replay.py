"""`weir replay`: recorded requests through a version that has no traffic yet."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from agents.recording import Recording
from agents.replay import Replay
from agents.versus import Flip
from infra import artifacts
from infra.kafka import client_options
from infra.window import Window, window
from schemas.result import LAST_MS
from streams.bundles import BundleStore
from streams.cli.giving import reached
from streams.cli.key_output import json_option
from streams.cli.moment import Moment
from streams.cli.replayed import print_report
from streams.cli.replaying import answered_aside, followed
from streams.settings import Settings
from streams.topics import PREDICTION_RESULTS

Progressed = Callable[[int], None]
Write = Callable[[list[Flip]], Any]


@click.command()
@click.option("--from", "first", type=Moment(), required=True, help="Results from then on: RFC 3339, or 2h, 3d back.")
@click.option("--to", "end", type=Moment(), help="Results until then, in the same forms; until now unless given.")
@click.option("--model", help="Model; may be left out where the store has one. Alone, the candidate.")
@click.option("--version", help="The candidate, a version in the store.")
@click.option("--answered-by", metavar="VERSION", help="Only what this version answered.")
@click.option("--limit", type=click.IntRange(min=1), help="Most requests to replay.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File for the flips, one JSON a line.")
@json_option
def replay(
    first: datetime,
    end: datetime | None,
    model: str | None,
    version: str | None,
    answered_by: str | None,
    limit: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Answer recorded requests with another version, and compare that with what was answered.

    Reads the topic prediction-results in a consumer of its own: nothing is sent, committed or changed.
    """
    until = end or datetime.now(UTC)
    if first >= until:
        raise click.UsageError(f"--from {_shown(first)} is not before --to {_shown(until)}")
    settings = reached()
    name, chosen = _candidate(settings.model_store, model, version)
    candidate = Replay(BundleStore(settings.model_store).load(name, chosen), time.perf_counter)
    recording = Recording(name, answered_by, limit)
    times = _ms(first), LAST_MS if end is None else _ms(end)
    with _opened(settings, times) as found:
        _run(candidate, recording, found, out)
        if not recording.chosen:
            raise click.ClickException(_nothing(settings, recording, found, f"{_shown(first)} to {_shown(until)}"))
    facts = {"model": name, "version": chosen, "from": _shown(first), "to": _shown(until)}
    read = {"results": recording.results, "unreadable": recording.unreadable}
    report = {**facts, **read, **candidate.report(), "out": out and str(out)}
    if as_json:
        click.echo(orjson.dumps(report))
    else:
        print_report(report)


def _run(candidate: Replay, recording: Recording, found: Window, out: Path | None) -> None:
    with ExitStack() as stack:
        progressed = stack.enter_context(_bar(found.records))
        write: Write | None = None
        for batch in recording.batches(followed(found, progressed)):
            write = write or stack.enter_context(_writing(out))  # what lies there stands until there is other
            write(answered_aside(candidate, batch))


@contextmanager
def _opened(settings: Settings, times: tuple[int, int]) -> Iterator[Window]:
    topic = settings.topic(PREDICTION_RESULTS.name)
    # The wheel broker finds no offset by time.
    with window(client_options(settings), topic, *times, knows_times=not settings.kafka_cluster_id) as found:
        yield found


@contextmanager
def _writing(out: Path | None) -> Iterator[Write]:
    if out is None:
        yield lambda _: None
        return
    try:
        with out.open("wb") as file:
            yield lambda flips: file.writelines(orjson.dumps(flip.as_json()) + b"\n" for flip in flips)
    except OSError as error:
        raise click.ClickException(f"--out {out}: {error.strerror}") from error


@contextmanager
def _bar(records: int) -> Iterator[Progressed]:
    """On standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("replaying", total=records)
        yield lambda read: progress.update(task, completed=read)


def _candidate(store: str, model: str | None, version: str | None) -> tuple[str, str]:
    """The candidate's model and version; `--model` alone may name the version."""
    if version is not None:
        return model or _only_model(store), version
    known = {name: artifacts.versions(store, name) for name in artifacts.names(store)}
    owners = [name for name, versions in known.items() if model in versions]
    if model is not None and len(owners) == 1:
        return owners[0], model
    choice = "; ".join(f"{name}: {', '.join(known[name])}" for name in ([model] if model in known else owners or known))
    raise click.UsageError(f"--version: name the candidate; {store} has {choice or 'no model'}")


def _only_model(store: str) -> str:
    names = artifacts.names(store)
    if len(names) != 1:
        raise click.UsageError(f"--model: {store} has {', '.join(names) or 'no model'}; name the one to replay")
    return names[0]


def _nothing(settings: Settings, recording: Recording, found: Window, span: str) -> str:
    """Why there was nothing to replay, and where there is something."""
    wanted = f"{recording.model} answered by {recording.answered_by or 'any version'}"
    if recording.results:
        return f"no result of {wanted} from {span}; answers there: {recording.told()}"
    topic, kept = settings.topic(PREDICTION_RESULTS.name), found.kept_times()
    if kept is None:
        return f"nothing is recorded: {topic} is empty"
    return f"nothing is recorded from {span}: {topic} reaches from {_of_ms(kept[0])} to {_of_ms(kept[1])}"


def _ms(moment: datetime) -> int:
    """Epoch milliseconds; below 0 they mean something else to a broker."""
    return max(0, int(moment.timestamp() * 1000))


def _of_ms(epoch_ms: int) -> str:
    return _shown(datetime.fromtimestamp(epoch_ms / 1000, UTC))


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
