"""Commands given by an operator: signed in the platform's name, which takes its master secret."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

import click

from infra.acting_user import acting_user
from infra.bootstrap import await_listener
from infra.control_store import TopicControlStore
from infra.kafka import aiokafka_options, client_options
from schemas.control import Command, Outcome, command_from
from schemas.control_state import ControlState
from schemas.message import Emission
from streams.bring_up import local_settings
from streams.cli.key_output import json_option, reason_option
from streams.cli.quiet import tell_once
from streams.cli.seconds import Seconds
from streams.commands import outcome_of, platform_command
from streams.gateway.pending import Pending
from streams.gateway.replies import ReplyReader
from streams.producer import Producer
from streams.requests import ReplyTo
from streams.settings import Settings
from streams.topics import MODEL_REGISTRY, MODEL_ROUTES, PREDICTION_REPLIES

timeout_option = click.option(
    "--timeout", type=Seconds(), default=15.0, show_default=True, help="How long to wait for the outcome."
)


def command_options(verb: Callable[..., None]) -> Callable[..., None]:
    """What every verb that gives a command can be told: why, for how long to wait, and how to print."""
    return reason_option(timeout_option(json_option(verb)))


def given(command: str, timeout: float, **fields: Any) -> Outcome:
    """How the command ended. Raises ClickException where it was refused, InvalidRequest, Unavailable."""
    named = {name: value for name, value in fields.items() if value is not None}
    outcome = asyncio.run(
        _give(reached(), command_from({"command": command, "actor": acting_user(), **named}), timeout)
    )
    if outcome.status == "refused":
        details = "".join(f"\n  {field['field']}: {field['reason']}" for field in outcome.fields or ())
        raise click.ClickException(f"{outcome.code}: {outcome.message}{details}")
    return outcome


def state() -> ControlState:
    """Routes and registry as they lie on their topics. Raises Unavailable, BadSettings."""
    settings = reached()
    topics = settings.topic(MODEL_ROUTES.name), settings.topic(MODEL_REGISTRY.name)
    return asyncio.run(TopicControlStore(client_options(settings), *topics).read())


def reached() -> Settings:
    """The settings of the platform that the environment names, or that runs here, whose broker listens."""
    settings = local_settings(os.environ)
    await_listener(settings.kafka_bootstrap_servers)
    return settings


async def _give(settings: Settings, command: Command, timeout_s: float) -> Outcome:
    tell_once()
    replies = ReplyReader(aiokafka_options(settings), settings.topic(PREDICTION_REPLIES.name), Pending(1))
    producer = Producer(client_options(settings))

    def record(reply: ReplyTo) -> Emission:
        return platform_command(settings, command, now_ms=time.time_ns() // 1_000_000, reply=reply)

    await replies.start()
    await producer.start()
    try:
        return await outcome_of(producer, replies, record, timeout_s)
    finally:
        await producer.stop()
        await replies.stop()
