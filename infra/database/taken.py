"""Request ids that another key has used before."""

from collections.abc import Sequence, Set

from sqlalchemy import Connection

from infra.database.delivered import Delivered
from infra.database.statements import LINES, OWNERS
from schemas.stored import RefusedRow


def taken_ids(connection: Connection, delivered: Sequence[Delivered], refused: Set[int]) -> list[RefusedRow]:
    """The requests under whose id another key's is stored; a request without a key is nobody's.

    A key and those that rotation put in its place are one.
    refused: the indices of requests that Postgres does not take: their ids may be no text that it could be asked for.
    """
    delivered = [each for each in delivered if each.index not in refused]
    asked = sorted({each.request_id for each in delivered})
    owners = {request_id: key_id for request_id, key_id in connection.execute(OWNERS, {"request_ids": asked})}
    taken = [
        (each, each.key_id, owners[each.request_id])
        for each in delivered
        if each.key_id and owners.get(each.request_id, each.key_id) != each.key_id
    ]
    lines = _lines(connection, {key_id for _, *both in taken for key_id in both}) if taken else {}
    return [
        RefusedRow(each.index, _advice(each.request_id), "request_id_taken")
        for each, key_id, owner in taken
        if lines.get(key_id, key_id) != lines.get(owner, owner)
    ]


def _lines(connection: Connection, key_ids: Set[str]) -> dict[str, str]:
    """The first key of the line that rotation put each of these in; nothing of those that are first themselves."""
    return {key_id: family for key_id, family in connection.execute(LINES, {"key_ids": list(key_ids)})}


def _advice(request_id: str) -> str:
    return f"the request id {request_id} is another key's: choose ids that nobody else chooses, such as UUIDs"
