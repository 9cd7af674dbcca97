"""Rows, as the requests that they came in: a request is stored whole or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Connection

from infra.database.isolate import as_array
from infra.database.statements import UPSERT_PREDICTIONS
from schemas.stored import StoredPrediction
from schemas.wire import encode


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery of a request; the same id may be delivered again with other rows.

    index: of its first row, in what was handed over.
    """

    index: int
    rows: list[StoredPrediction]

    @property
    def request_id(self) -> str:
        return self.rows[0].request_id

    @property
    def key_id(self) -> str | None:
        return self.rows[0].key_id

    @property
    def is_ok(self) -> bool:
        return self.rows[0].status == "ok"


def as_delivered(rows: Sequence[StoredPrediction]) -> list[Delivered]:
    """The requests, each of which begins with its row 0. Raises ValueError where its rows do not follow each other."""
    delivered: list[Delivered] = []
    for index, row in enumerate(rows):
        if row.row == 0:
            delivered.append(Delivered(index, [row]))
            continue
        before = delivered[-1].rows if delivered else []
        if not before or (before[-1].request_id, before[-1].row) != (row.request_id, row.row - 1):
            raise ValueError(f"row {row.row} of {row.request_id} does not follow its row {row.row - 1}")
        before.append(row)
    return delivered


def first_or_ok(delivered: Iterable[Delivered]) -> list[Delivered]:
    """One delivery of each request, in the order of their ids: the first `ok`, else the first.

    The order is the one that statements lock in: parts of a batch that are written one after the other keep it.
    """
    kept: dict[str, Delivered] = {}
    for each in delivered:
        earlier = kept.get(each.request_id)
        if earlier is None or (each.is_ok and not earlier.is_ok):
            kept[each.request_id] = each
    return [kept[request_id] for request_id in sorted(kept)]


@dataclass(frozen=True, slots=True)
class EncodedRequest:
    """The rows of one request as JSON."""

    request_id: str
    first: bytes
    others: list[bytes]


def encode_request(delivered: Delivered) -> EncodedRequest:
    """Raises TypeError where a row has no JSON form."""
    first, *others = map(encode, delivered.rows)
    return EncodedRequest(delivered.request_id, first, others)


def write_requests(connection: Connection, requests: Sequence[EncodedRequest]) -> int:
    """Write each request, whole, that none of the same id stands in the way of; the number of those written.

    Row 0 decides, between two transactions too: the second to insert it waits until the first has ended.
    """
    given = as_array([request.first for request in requests])
    written = set(connection.execute(UPSERT_PREDICTIONS, {"rows": given}).scalars())
    others = list(chain.from_iterable(request.others for request in requests if request.request_id in written))
    if others:
        connection.execute(UPSERT_PREDICTIONS, {"rows": as_array(others)})
    return len(written)
