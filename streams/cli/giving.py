"""Commands given by an operator: signed in the platform's name, which takes its master secret."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import click

from infra.acting_user import acting_user
from infra.bootstrap import await_listener
from schemas.control import Outcome, command_from
from schemas.control_state import ControlState
from streams.bring_up import local_settings
from streams.cli.key_output import json_option, reason_option
from streams.cli.quiet import tell_once
from streams.cli.seconds import Seconds
from streams.control_state import control_store
from streams.giving import give
from streams.settings import Settings

timeout_option = click.option(
    "--timeout", type=Seconds(), default=15.0, show_default=True, help="How long to wait for the outcome."
)


def command_options(verb: Callable[..., None]) -> Callable[..., None]:
    """What every verb that gives a command can be told: why, for how long to wait, and how to print."""
    return reason_option(timeout_option(json_option(verb)))


def given(command: str, timeout: float, **fields: Any) -> Outcome:
    """How the command ended. Raises ClickException where it was refused, InvalidRequest, Unavailable."""
    named = {name: value for name, value in fields.items() if value is not None}
    tell_once()
    asked = command_from({"command": command, "actor": acting_user(), **named})
    outcome = asyncio.run(give(reached(), asked, timeout))
    if outcome.status == "refused":
        details = "".join(f"\n  {field['field']}: {field['reason']}" for field in outcome.fields or ())
        raise click.ClickException(f"{outcome.code}: {outcome.message}{details}")
    return outcome


def state() -> ControlState:
    """Routes and registry as they lie on their topics. Raises Unavailable, BadSettings."""
    return asyncio.run(control_store(reached()).read())


def reached() -> Settings:
    """The settings of the platform that the environment names, or that runs here, whose broker listens."""
    settings = local_settings(os.environ)
    await_listener(settings.kafka_bootstrap_servers)
    return settings
