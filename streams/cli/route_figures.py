"""`weir route metrics` and `shadow`: what was counted on a route, read from Postgres."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from infra.database import create_db_engine
from schemas.routes import Route
from streams.bring_up import local_settings
from streams.cli.giving import state
from streams.cli.key_output import json_option
from streams.evidence import StoredEvidence, figures

MEASURES: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "version": lambda arm: arm["version"],
    "share of the answers": lambda arm: f"{arm['weight']:.0%}",
    "requests answered": lambda arm: str(arm["served"]),
    "copies tried": lambda arm: str(arm["evaluated"]),
    "errors": lambda arm: f"{arm['errors']} ({arm['error_ratio']:.2%})",
    "slow": lambda arm: f"{arm['slow_ratio']:.2%}",
    "p50 ms": lambda arm: _ms(arm["p50_ms"]),
    "p99 ms": lambda arm: _ms(arm["p99_ms"]),
    "labels": lambda arm: str(arm["labels"]),
    "Brier loss": lambda arm: f"{arm['brier']:.4f}",
}
"""Row -> what it shows of an arm."""
COMPARED: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "rows": lambda one: str(one["count"]),
    "answered": lambda one: str(one["compared"]),
    "not answered": lambda one: ", ".join(f"{count} {code}" for code, count in one["errors"].items() if count) or "0",
    "same label": lambda one: "" if one["agreement"] is None else f"{one['agreement']:.2%}",
    "another label": lambda one: str(one["flips"]),
    "mean difference": lambda one: _number(one["difference"]["mean"]),
    "largest difference": lambda one: _number(one["difference"]["max"]),
    "its p50, p99 ms": lambda one: ", ".join(map(_ms, one["latency_ms"]["challenger"].values())),
    "champion's p50, p99 ms": lambda one: ", ".join(map(_ms, one["latency_ms"]["champion"].values())),
    "labels": lambda one: str(one["truth"]["labels"]),
    "its Brier loss": lambda one: _number(one["truth"]["challenger"]["brier"]),
    "champion's Brier loss": lambda one: _number(one["truth"]["champion"]["brier"]),
}
"""Row -> what it shows of a challenger."""


@click.command()
@click.argument("model")
@json_option
def metrics(model: str, as_json: bool) -> None:
    """Show what each arm did since the plan was set, and what the evidence says of each candidate."""
    found = asyncio.run(_metrics(known_route(model)))
    if as_json:
        click.echo(json.dumps(found))
        return
    arms = found["arms"]
    table = Table("since the plan was set", *(Column(arm["arm"], justify="right") for arm in arms))
    for name, shown in MEASURES.items():
        table.add_row(name, *(shown(arm) for arm in arms))
    Console().print(table)
    for verdict in found["verdicts"]:
        of = f" {verdict['candidate']}" if len(found["verdicts"]) > 1 else ""
        click.echo(f"{verdict['outcome']}{of}: {verdict['reason']}")


@click.command()
@click.argument("model")
@json_option
def shadow(model: str, as_json: bool) -> None:
    """Compare the champion with each challenger that gets copies of its requests."""
    found = asyncio.run(_shadow(known_route(model)))
    if as_json:
        click.echo(json.dumps(found))
        return
    if found["status"] == "no_data":
        click.echo("No challenger has been asked anything since the plan was set.")
        return
    challengers = found["challengers"]
    table = Table("beside the champion", *(Column(one["version"], justify="right") for one in challengers))
    for name, shown in COMPARED.items():
        table.add_row(name, *(shown(one) for one in challengers))
    Console().print(table)


def known_route(model: str) -> Route:
    """Raises ClickException with the known ones."""
    routes = state().routes
    if model not in routes:
        known = ", ".join(sorted(routes)) or "none"
        raise click.ClickException(f"no route of model {model}; known are {known}")
    return routes[model]


async def _metrics(route: Route) -> dict[str, Any]:
    engine = create_db_engine(local_settings(os.environ).database_url.get_secret_value())
    try:
        ask, _ = figures(engine)
        seen = await StoredEvidence(engine).look(route)
        return {**await ask(route), "verdicts": [dict(verdict) for verdict in seen.verdicts]}
    finally:
        engine.dispose()


async def _shadow(route: Route) -> dict[str, Any]:
    engine = create_db_engine(local_settings(os.environ).database_url.get_secret_value())
    try:
        _, ask = figures(engine)
        return await ask(route)
    finally:
        engine.dispose()


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
