"""`weir models`: train, publish, list and show the bundles of a model store."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from infra import artifacts
from models.bundle import MANIFEST, read_bundle
from models.manifest import Manifest
from models.outliers import DEFAULT, DETECTORS
from schemas.errors import BundleRefused
from streams.cli.publishing import PublishingOrder, published
from streams.cli.registry import announce, retire
from streams.cli.training import ALGORITHM_NAMES, TrainingOrder, trained

STORE = click.option(
    "--store",
    envvar="MODEL_STORE",
    default=lambda: f"file://{os.environ.get('DATA_DIR') or '.weir'}/models",
    show_default="file://DATA_DIR/models, DATA_DIR being .weir unless set",
    help="URL of the store.",
)
LONG_PARTS = {"profile", "smoke", "signature", "outliers"}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FLAGGED = "Share of rows that is to be flagged as outliers."
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group()
def models() -> None:
    """Train, publish, list and show models."""


@models.command()
@click.option("--csv", type=FILE, help="Table to learn from.")
@click.option("--label", help="Column of the CSV file that holds the two classes.")
@click.option("--name", help="Model name; default: churn, or the CSV file's name.")
@click.option("--algorithm", type=click.Choice(ALGORITHM_NAMES), default=ALGORITHM_NAMES[0], show_default=True)
@click.option("--rows", type=click.IntRange(min=50), default=20_000, show_default=True, help="Simulated rows.")
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same model.")
@click.option("--detector", type=click.Choice(list(DETECTORS)), default=DEFAULT.detector, show_default=True)
@click.option("--contamination", type=float, default=DEFAULT.contamination, show_default=True, help=FLAGGED)
@STORE
@AS_JSON
def train(store: str, as_json: bool, **order: Any) -> None:
    """Train on simulated shop customers, or on any table with --csv and --label, and publish the bundle."""
    if (order["csv"] is None) != (order["label"] is None):
        raise click.UsageError("--csv and --label go together: the table and the column to learn")
    files = trained(TrainingOrder(**order), datetime.now(UTC), Console(stderr=True))
    manifest = read_bundle(files).manifest
    artifacts.publish(store, manifest.name, manifest.version, files)
    _print(manifest, as_json)


@models.command()
@click.option("--onnx", type=FILE, help="Graph: float32 `features` to `probabilities` or `values`.")
@click.option("--skops", type=FILE, help="Fitted scikit-learn model, written by skops.io.dump.")
@click.option("--signature", type=FILE, required=True, help="JSON: target, classes and features of the model.")
@click.option("--name", required=True, help="Model name.")
@STORE
@AS_JSON
def publish(store: str, as_json: bool, **order: Any) -> None:
    """Publish a model that was trained elsewhere: its file and its signature, see docs/models.md."""
    if (order["onnx"] is None) == (order["skops"] is None):
        raise click.UsageError("give either --onnx or --skops: the model's file in one of both forms")
    files = published(PublishingOrder(**order), datetime.now(UTC))
    manifest = read_bundle(files).manifest
    artifacts.publish(store, manifest.name, manifest.version, files)
    _print(manifest, as_json)


@models.command(name="list")
@STORE
@AS_JSON
def list_models(store: str, as_json: bool) -> None:
    """List every version of every model, oldest first."""
    found = [
        _summary(store, name, version) for name in artifacts.names(store) for version in artifacts.versions(store, name)
    ]
    if as_json:
        click.echo(json.dumps(found))
    elif not found:
        click.echo(f"No models in {store}: add one with `weir models train` or `publish`.")
    else:
        _print_list(found)


@models.command()
@click.argument("name")
@click.argument("version", required=False)
@STORE
@AS_JSON
def show(name: str, version: str | None, store: str, as_json: bool) -> None:
    """Show a model's features, metrics and origin; the newest version unless one is given."""
    bundle = read_bundle(artifacts.fetch(store, name, version or artifacts.latest(store, name)))
    _print(bundle.manifest, as_json)


def _summary(store: str, name: str, version: str) -> dict[str, Any]:
    """The manifest without its long parts; one altered bundle must not hide the others."""
    known = {"name": name, "version": version}
    try:
        files = artifacts.fetch(store, name, version, only=(MANIFEST,))
        manifest = Manifest.from_bytes(files.get(MANIFEST, b""))
    except BundleRefused as refusal:
        return known | {"refused": str(refusal)}
    return {key: value for key, value in manifest.to_json().items() if key not in LONG_PARTS} | known


def _print_list(found: list[dict[str, Any]]) -> None:
    """Names may fold, versions do not; why a bundle is refused stands below, where it has room."""
    folded = {name: Column(name, overflow="fold") for name in ("model", "algorithm")}
    table = Table(folded["model"], Column("version", no_wrap=True), folded["algorithm"], "ROC AUC", "F1")
    for entry in found:
        name, version = escape(entry["name"]), escape(entry["version"])
        if "refused" in entry:
            table.add_row(name, version, "refused")
            continue
        metrics = entry["metrics"]
        quality = (f"{metrics[metric]:.3f}" if metric in metrics else "" for metric in ("roc_auc", "f1"))
        table.add_row(name, version, escape(entry["algorithm"]), *quality)
    Console().print(table)
    for entry in found:
        if "refused" in entry:
            click.echo(f"{entry['name']} {entry['version']} is refused: {entry['refused']}")


def _print(manifest: Manifest, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(manifest.to_json()))
        return
    measured = "metric on held-out rows" if manifest.metrics else "trained elsewhere"
    facts = Table(measured, "value", title=f"{manifest.name} {manifest.version}")
    for metric, value in manifest.metrics.items():
        facts.add_row(escape(metric), f"{value:.4g}")
    signature = manifest.signature
    facts.add_row(signature.task, escape(", ".join(map(str, signature.classes)) or signature.target))
    if manifest.threshold is not None:
        facts.add_row("threshold", f"{manifest.threshold:.4g}")
    if (said := manifest.outliers) is not None:
        facts.add_row("outliers", f"{escape(said.detector)}, {said.contamination:.4g} of rows")
    features = Table(Column("feature", overflow="fold"), "type", Column("bounds or categories", overflow="fold"))
    for feature in signature.features:
        low, high = feature.minimum, feature.maximum
        bounds = f"{'' if low is None else f'{low:g}'} .. {'' if high is None else f'{high:g}'}"
        features.add_row(escape(feature.name), feature.type, escape(", ".join(feature.categories)) or bounds)
    console = Console()
    console.print(facts, features)


models.add_command(announce)
models.add_command(retire)
