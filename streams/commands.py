"""Commands as signed records on `control-commands`."""

from schemas.control import Command
from schemas.message import Emission
from schemas.platform_key import PLATFORM_KEY_ID, platform_signing_key
from schemas.request import new_request_id
from streams.requests import ReplyTo, signed_request
from streams.settings import Settings
from streams.topics import CONTROL_COMMANDS


def platform_command(
    settings: Settings, command: Command, *, now_ms: int, request_id: str | None = None, reply: ReplyTo | None = None
) -> Emission:
    """The record of a command in the platform's name, or in that of the command's `actor`: for whoever knows the master
    secret. now_ms: epoch milliseconds."""
    return signed_request(
        settings.topic(CONTROL_COMMANDS.name),
        command.model_dump_json(exclude_none=True).encode(),
        entity=command.model,
        request_id=request_id or new_request_id(),
        key_id=PLATFORM_KEY_ID,
        signing_key=platform_signing_key(settings.weir_master_secret.get_secret_value()),
        now_ms=now_ms,
        reply=reply,
    )
