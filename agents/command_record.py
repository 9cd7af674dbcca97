"""A record on `control-commands`: who gives which command, may they, and how it ends where it cannot be carried out."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from agents.admit import authenticate, lone_request_id, requested_ms
from agents.decision import Order
from agents.ending import reply_partition
from agents.ports import CommandRing
from schemas import headers as h
from schemas.control import Command, Outcome, read_command
from schemas.errors import FieldError, InvalidRequest, Refused, Undecodable
from schemas.keys import ApiKey
from schemas.message import Emission, Record
from schemas.platform_key import PLATFORM_KEY_ID
from schemas.request import describe, is_request_id
from schemas.result import named

HEADERS = [(h.SCHEMA_VERSION, h.CURRENT_SCHEMA)]


class Given(NamedTuple):
    """A command that may be carried out."""

    order: Order
    command: Command


def read(record: Record, *, keys: CommandRing, now: datetime) -> Given:
    """The command in a record. Raises Undecodable, Refused; InvalidRequest naming every wrong field.

    Its time is the one at which the broker got it, so that a repetition says the same.
    """
    headers = h.read_headers(record.headers)
    if not is_request_id(headers.get(h.REQUEST_ID, b"")):
        raise Undecodable("no_request_id", "the header request-id is missing or none")
    key = _authenticated(record, headers, keys, now)
    if not key.may("admin"):
        raise Refused("forbidden", "this key lacks the permission admin")
    command = read_command(record.value)
    if (record.key or b"") != command.model.encode():
        raise _wrong("model", "must be the record's key", command.model)
    if command.actor is not None and key.key_id != PLATFORM_KEY_ID:
        raise _wrong("actor", "leave it out: the command of a key is in the key's name", command.actor)
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=requested_ms(record))
    return Given(Order(headers[h.REQUEST_ID].decode(), command.actor or key.key_id, at), command)


def _authenticated(record: Record, headers: Mapping[str, bytes], keys: CommandRing, now: datetime) -> ApiKey:
    """The key that signed the record. While the master secret is replaced, some sign under the one before."""
    digest = sha256(record.value or b"").hexdigest()
    try:
        return authenticate(record, headers, digest, keys, now)
    except Refused as error:
        if error.why != "signature" or keys.former is None or headers.get(h.KEY_ID) != PLATFORM_KEY_ID.encode():
            raise
        return authenticate(record, headers, digest, keys.former, now)


def outcome_of(record: Record, error: Undecodable | InvalidRequest | Refused) -> Outcome | None:
    """How a record ends that is no command to be carried out; None where nobody can be told."""
    request_id = lone_request_id(record)
    if request_id is None:
        return None
    told: dict[str, Any] = {"request_id": request_id, "status": "refused", "message": str(error)}
    if isinstance(error, Refused):
        return Outcome(**told, code="forbidden" if error.status == "forbidden" else "unauthorized")
    fields = tuple(named(error.fields)) if isinstance(error, InvalidRequest) else None
    return Outcome(**told, code="invalid_request", fields=fields)


def reply(record: Record, outcome: Outcome, topic: str, partitions: int) -> Emission | None:
    """The outcome for whoever gave the command and waits."""
    headers: Mapping[str, bytes] = {name: value or b"" for name, value in record.headers}
    partition = reply_partition(headers, partitions)
    if partition is None:
        return None
    carried = [(name, headers[name]) for name in (h.REQUEST_ID, h.REPLY_INSTANCE) if name in headers]
    return Emission(topic, None, outcome.model_dump_json(exclude_none=True).encode(), [*HEADERS, *carried], partition)


def _wrong(name: str, reason: str, value: object) -> InvalidRequest:
    return InvalidRequest("the command is not of the expected form", [FieldError(name, reason, describe(value))])
