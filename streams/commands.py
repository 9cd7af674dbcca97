"""Commands as signed records on `control-commands`, and how they ended."""

import asyncio
from collections.abc import Callable

from schemas.control import Command, Outcome
from schemas.errors import Unavailable
from schemas.message import Emission
from schemas.platform_key import PLATFORM_KEY_ID, platform_signing_key
from schemas.request import new_request_id
from streams.gateway.pending import Replies, Sender
from streams.requests import ReplyTo, signed_request
from streams.settings import Settings
from streams.topics import CONTROL_COMMANDS


async def outcome_of(
    sender: Sender, replies: Replies, record: Callable[[ReplyTo], Emission], within_s: float
) -> Outcome:
    """Give a command and wait for its end.

    record: makes the command's record. Raises Unavailable where no reply comes in time: it may be carried out later.
    """
    with replies.expect() as expected:
        try:
            async with asyncio.timeout(within_s):
                await sender.send([record(expected.to)])
                reply = await expected.reply
        except TimeoutError:
            raise Unavailable(
                "control", f"the command was not carried out within {within_s:g} s, and may be later: "
                "see that `weir run control` runs, and look at the route or the version before you repeat it"
            ) from None  # fmt: skip
    return Outcome.model_validate_json(reply.body)


def command_body(command: Command) -> bytes:
    """A command as it travels."""
    return command.model_dump_json(exclude_none=True).encode()


def platform_command(
    settings: Settings, command: Command, *, now_ms: int, request_id: str | None = None, reply: ReplyTo | None = None
) -> Emission:
    """The record of a command in the platform's name, or in that of the command's `actor`: for whoever knows the master
    secret. now_ms: epoch milliseconds."""
    return signed_request(
        settings.topic(CONTROL_COMMANDS.name),
        command_body(command),
        entity=command.model,
        request_id=request_id or new_request_id(),
        key_id=PLATFORM_KEY_ID,
        signing_key=platform_signing_key(settings.weir_master_secret.get_secret_value()),
        now_ms=now_ms,
        reply=reply,
    )
