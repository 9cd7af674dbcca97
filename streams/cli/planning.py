"""A route's plan from the options of `weir route set`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from schemas.routes import Route

PAIRS = {
    "canary": ("champion", "canary"),
    "blue_green": ("blue", "green"),
    "shadow": ("champion", "shadow"),
    "ab": ("a", "b"),
    "champion_challenger": ("champion", "challenger"),
    "bandit": ("a", "b"),
}
"""Strategy -> the names of its champion's arm and its candidate's."""
FIRST_WEIGHTS = {"canary": 0.01, "ab": 0.5, "bandit": 0.5}
"""The candidate's share where none is given; other strategies' candidates answer nobody."""


def plan_of(route: Route | None, newest: Callable[[], str], options: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as JSON values; the champion is the present one unless given, or the newest version where there is none.

    Raises UsageError, and what `newest` raises.
    """
    if options["plan"] is not None:
        return _read(options["plan"])
    strategy = options["strategy"]
    if strategy is None:
        raise click.UsageError("say which --strategy, or give a whole plan with --plan FILE")
    beside = {name: options[name] for name in ("mirror", "salt") if options[name] is not None}
    for group, prefix in (("thresholds", "min_"), ("guardrail", "guard_")):
        chosen = {name[len(prefix) :]: value for name, value in options.items() if name.startswith(prefix)}
        if found := {name: value for name, value in chosen.items() if value is not None}:
            beside[group] = found
    return {"strategy": strategy, "arms": _arms(route, newest, strategy, options), **beside}


def _arms(
    route: Route | None, newest: Callable[[], str], strategy: str, options: Mapping[str, Any]
) -> list[dict[str, Any]]:
    if options["arm"]:
        return [_arm(text) for text in options["arm"]]
    champion = options["champion"] or (route.plan.champion.version if route else newest())
    if strategy not in PAIRS:
        return [{"name": "champion", "version": champion}]
    if options["candidate"] is None:
        raise click.UsageError(f"{strategy} needs a --candidate beside the champion")
    first, second = PAIRS[strategy]
    if strategy == "blue_green" and route is not None and route.plan.champion.name == second:
        first, second = second, first  # that one is live
    weight = options["weight"] if options["weight"] is not None else FIRST_WEIGHTS.get(strategy, 0.0)
    return [
        {"name": first, "version": champion, "weight": 1 - weight},
        {"name": second, "version": options["candidate"], "weight": weight},
    ]


def _arm(text: str) -> dict[str, Any]:
    name, _, rest = text.partition("=")
    version, _, weight = rest.rpartition(":")
    try:
        return {"name": name, "version": version, "weight": float(weight)}
    except ValueError:
        raise click.UsageError(f"--arm {text!r} is not name=version:weight") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise click.UsageError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.UsageError(f"{path} holds no object")
    return value
