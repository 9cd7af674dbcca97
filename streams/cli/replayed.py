"""A replay's report as a table."""

from collections.abc import Callable, Mapping
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

SHOWN_FIELDS = 20
Shown = Callable[[Mapping[str, Any]], str]


def _count(name: str) -> Shown:
    return lambda tally: str(tally[name])


def _flip_ratio(tally: Mapping[str, Any]) -> str:
    return "no labels" if tally["flip_ratio"] is None else f"{tally['flip_ratio']:.4%}"


def _difference(name: str) -> Shown:
    return lambda tally: "none" if tally["difference"] is None else f"{tally['difference'][name]:.3g}"


MEASURES: Mapping[str, Shown] = {
    "requests": _count("requests"),
    "  without an answer": _count("unanswered"),
    "rows": _count("rows"),
    "  refused by its signature": _count("refused"),
    "  answered with no number": _count("not_a_number"),
    "  that it failed on": _count("failed"),
    "  compared": _count("compared"),
    "  of other classes": _count("incomparable"),
    "flips, another label": _count("flips"),
    "flip ratio": _flip_ratio,
    "score difference, mean": _difference("mean"),
    "score difference, p99": _difference("p99"),
    "score difference, max": _difference("max"),
}


def print_report(report: Mapping[str, Any]) -> None:
    """A column for each version that had answered and, where these are several, one for all."""
    tallies = dict(report["answered_by"])
    if len(tallies) > 1:
        tallies["all"] = report["total"]
    click.echo(f"{report['model']} {report['version']} on the results from {report['from']} to {report['to']}")
    table = Table(Column("answered by", no_wrap=True), *(escape(version) for version in tallies))
    for measure, shown in MEASURES.items():
        table.add_row(measure, *(shown(tally) for tally in tallies.values()))
    Console().print(table)
    _print_latency(report["latency"])
    _print_troubles(report)


def _print_latency(latency: Mapping[str, Any]) -> None:
    batch, row = latency["batch_ms"], latency["row_ms"]
    click.echo(
        f"latency: a batch p50 {batch['p50']:.3g} ms, p99 {batch['p99']:.3g} ms ({latency['batches']} batches); "
        f"a row p50 {1000 * row['p50']:.3g} us, p99 {1000 * row['p99']:.3g} us"
    )


def _print_troubles(report: Mapping[str, Any]) -> None:
    fields = sorted(report["total"]["fields"].items(), key=lambda item: -item[1]["rows"])
    for name, refused in fields[:SHOWN_FIELDS]:
        click.echo(f"refused: {name} in {refused['rows']} rows: {refused['reason']}")
    if len(fields) > SHOWN_FIELDS:
        click.echo(f"refused: {len(fields) - SHOWN_FIELDS} more fields; --json lists them")
    if report["first_failure"]:
        click.echo(f"the candidate failed: {report['first_failure']}")
    if report["unreadable"]:
        click.echo(f"passed over: {report['unreadable']} records that are no result")
    if report["out"]:
        click.echo(f"{report['total']['flips']} flips are in {report['out']}")
