"""`weir drift report`: a page about one model version's drift."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from infra.kafka import client_options
from infra.window import window
from models.drift import reference_of
from models.manifest import Manifest
from schemas.errors import BundleRefused
from schemas.result import LAST_MS
from streams.bundles import BundleStore
from streams.cli.giving import reached
from streams.cli.key_output import json_option
from streams.cli.moment import Moment
from streams.drift_report.page import Report, page
from streams.drift_report.shown import shown
from streams.drift_report.told import Told
from streams.drift_report.waiting import Waiting
from streams.settings import Settings
from streams.topics import DRIFT_EVENTS, DRIFT_WINDOWS, FEATURE_SKETCHES, Topic


@click.command()
@click.option("--model", required=True, help="Model whose drift is reported.")
@click.option("--version", help="Its version; the one with the latest window unless given.")
@click.option("--from", "first", type=Moment(), default="7d", show_default=True, help="Windows from then on.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="HTML file to write.")
@json_option
def report(model: str, version: str | None, first: datetime, out: Path, as_json: bool) -> None:
    """Write a page with histograms and PSI over time, which shows without a network.

    Reads drift-windows and drift-events in a consumer of its own, and the training data's profile in the model store.
    """
    settings = reached()
    told = Told(model)
    _read(settings, DRIFT_WINDOWS, _ms(first), told.add_window)
    _read(settings, DRIFT_EVENTS, 0, told.add_event)  # what is open may have opened long before
    store = BundleStore(settings.model_store)
    chosen = _version(store, told, version)
    made = _report(settings, told, chosen, _manifest(store, model, chosen), first)
    try:
        out.write_text(page(made), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"--out {out}: {error.strerror}") from error
    drifting = [span.key[1] for span in made.spans if span.resolved is None]
    if as_json:
        facts = {"out": str(out), "model": model, "model_version": chosen, "windows": len(made.points)}
        click.echo(json.dumps({**facts, "drifting": drifting, "passed_over": told.unread}))
    else:
        click.echo(f"{out}: {model} {chosen}, {len(made.points)} windows; drifting: {', '.join(drifting) or 'nothing'}")
    if told.unread:
        click.echo(f"{told.unread} records were passed over: they are no windows and no drift events", err=True)


def _report(settings: Settings, told: Told, version: str, manifest: Manifest | None, first: datetime) -> Report:
    latest, points, spans = told.latest(version), told.points(version), told.spans(version)
    reference = None if manifest is None else reference_of(manifest.signature, manifest.profile)
    waiting = None
    if latest is None:
        rows = Waiting(told.model, version)
        _read(settings, FEATURE_SKETCHES, _ms(first), rows.add)
        waiting = rows.rows, settings.drift_window_records
    return Report(
        model=told.model,
        version=version,
        made_at=datetime.now(UTC),
        since=first,
        manifest=manifest,
        latest=latest,
        points=points,
        spans=spans,
        features=shown(latest, points, spans, reference),
        waiting=waiting,
    )


def _read(settings: Settings, topic: Topic, first_ms: int, add: Callable[[bytes | None], None]) -> None:
    name, knows_times = settings.topic(topic.name), not settings.kafka_cluster_id
    with window(client_options(settings), name, first_ms, LAST_MS, knows_times=knows_times) as found:
        for value in found.values():
            add(value)


def _version(store: BundleStore, told: Told, version: str | None) -> str:
    """The version that is asked for, or the one of the latest window, or the newest. Raises ClickException."""
    known = told.versions or store.versions(told.model)
    if not known:
        models = ", ".join(sorted({*told.others, *store.names()}))
        raise click.ClickException(f"nothing is known of model {told.model!r}; known are {models or 'none'}")
    if version is not None and version not in {*known, *store.versions(told.model)}:
        raise click.ClickException(
            f"nothing is known of version {version!r} of {told.model}; known are {', '.join(known)}"
        )
    return version or known[-1]


def _manifest(store: BundleStore, model: str, version: str) -> Manifest | None:
    try:
        return store.manifest(model, version)
    except BundleRefused:
        return None


def _ms(moment: datetime) -> int:
    """Epoch milliseconds; below 0 they mean something else to a broker."""
    return max(0, int(moment.timestamp() * 1000))
