"""`weir route`: which version of a model answers what, and how that is changed."""

import json
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from infra import artifacts
from schemas.control import Outcome
from schemas.routes import Route, RoutePlan, StrategyName
from streams.cli.giving import command_options, given, reached, state
from streams.cli.key_output import json_option
from streams.cli.planning import plan_of
from streams.cli.route_figures import known_route, metrics, shadow

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
force_option = click.option("--force", is_flag=True, help="Whatever the evidence says; needs a reason.")
epoch_option = click.option("--if-epoch", type=int, help="Only where the route is at this epoch still.")


@click.group()
def route() -> None:
    """Show and change routes. Each change is one event on the topic audit-events."""


@route.command()
@click.argument("model", required=False)
@json_option
def show(model: str | None, as_json: bool) -> None:
    """Show every route, or one model's."""
    chosen = [known_route(model)] if model else [one for _, one in sorted(state().routes.items())]
    if as_json:
        click.echo(json.dumps([one.public() for one in chosen]))
    elif not chosen:
        click.echo("No routes yet: a scorer adopts the newest version of MODEL_NAME once a control agent runs.")
    else:
        _print_routes(chosen)


@route.command()
@click.argument("model")
@json_option
def history(model: str, as_json: bool) -> None:
    """Show the last changes of a route, the newest first."""
    revisions = list(reversed(known_route(model).revisions))
    if as_json:
        click.echo(json.dumps([revision.model_dump(mode="json") for revision in revisions]))
        return
    for revision in revisions:
        why = f": {revision.reason}" if revision.reason else ""
        click.echo(f"{revision.epoch:>4}  {revision.at:%Y-%m-%d %H:%M:%S}  {revision.action} by {revision.actor}{why}")
        click.echo(f"      {revision.plan.strategy}: {_arms(revision.plan)}")


@route.command(name="set")
@click.argument("model")
@click.option("--strategy", type=click.Choice(get_args(StrategyName)), help="How requests are shared out.")
@click.option("--champion", help="Version that answers; the present champion unless given, or the newest one.")
@click.option("--candidate", help="Version beside it.")
@click.option("--weight", type=float, help="The candidate's share of the answers, 0 to 1.")
@click.option(
    "--arm", multiple=True, metavar="NAME=VERSION:WEIGHT", help="An arm; repeated, in place of the three above."
)
@click.option("--mirror", type=float, help="Share of the requests that shadows get a copy of; all unless given.")
@click.option("--salt", help="Of the hash that finds an entity's arm; another one mixes them anew.")
@click.option("--min-requests", type=int, help="Requests that evidence needs.")
@click.option("--min-labels", type=int, help="Labelled answers that evidence needs.")
@click.option("--guard-error-ratio", type=float, help="Roll back by itself past this ratio of errors.")
@click.option("--guard-p99-ms", type=float, help="Roll back by itself past this latency.")
@click.option("--plan", type=FILE, help="The whole plan as JSON, in place of all options above.")
@epoch_option
@command_options
def set_(model: str, if_epoch: int | None, reason: str | None, timeout: float, as_json: bool, **options: Any) -> None:
    """Give a model another plan. It is in force everywhere within two seconds; versions are verified first."""
    plan = plan_of(state().routes.get(model), lambda: artifacts.latest(reached().model_store, model), options)
    _print_outcome(given("set_route", timeout, model=model, plan=plan, if_epoch=if_epoch, reason=reason), as_json)


@route.command()
@click.argument("model")
@click.option("--version", help="The candidate, where it shall be no other.")
@force_option
@command_options
def promote(model: str, timeout: float, as_json: bool, **fields: Any) -> None:
    """Let the candidate serve everything, where the evidence allows it. Twice is once."""
    _print_outcome(given("promote", timeout, model=model, **fields), as_json)


@route.command()
@click.argument("model")
@epoch_option
@command_options
def rollback(model: str, timeout: float, as_json: bool, **fields: Any) -> None:
    """Return to the plan before the last change; a canary's steps count as one change. Twice is once."""
    _print_outcome(given("rollback", timeout, model=model, **fields), as_json)


@route.command()
@click.argument("model")
@force_option
@command_options
def ramp(model: str, timeout: float, as_json: bool, **fields: Any) -> None:
    """A canary's next step: 1, 5, 10, 25, 50, 100 %."""
    _print_outcome(given("ramp", timeout, model=model, **fields), as_json)


@route.command()
@click.argument("model")
@epoch_option
@command_options
def remove(model: str, timeout: float, as_json: bool, **fields: Any) -> None:
    """Serve a model no more, until a route is set for it. Its versions stay. Twice is once."""
    outcome = given("remove_route", timeout, model=model, **fields)
    click.echo(outcome.model_dump_json(exclude_none=True) if as_json else f"{outcome.status}: {model} is not served")


def _print_routes(routes: list[Route]) -> None:
    table = Table(
        Column("model", overflow="fold"), "epoch", "strategy", "arm", Column("version", no_wrap=True), "weight"
    )
    for one in routes:
        for number, arm in enumerate(one.plan.arms):
            first = ("", "", "") if number else (escape(one.model), str(one.epoch), one.plan.strategy)
            table.add_row(*first, arm.name, escape(arm.version), f"{arm.weight:.0%}")
    Console().print(table)


def _arms(plan: RoutePlan) -> str:
    return ", ".join(f"{arm.name} {arm.version} {arm.weight:.0%}" for arm in plan.arms)


def _print_outcome(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        click.echo(outcome.model_dump_json(exclude_none=True))
        return
    shown = outcome.route or {}
    plan = RoutePlan.model_validate(shown["plan"])
    click.echo(f"{outcome.status}: {shown['model']} is at epoch {shown['epoch']}, {plan.strategy}: {_arms(plan)}")


route.add_command(metrics)
route.add_command(shadow)
