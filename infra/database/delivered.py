"""Rows, as the requests that they came in: a request is stored whole or not at all."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection

from infra.database.isolate import as_array, formless
from infra.database.statements import UPSERT_PREDICTIONS
from schemas.stored import RefusedRow, StoredPrediction
from schemas.wire import encode


class Delivered(Struct, frozen=True):
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


def by_preference(delivered: Iterable[Delivered]) -> list[list[Delivered]]:
    """The deliveries of each request, in the order of ids: an `ok` before a refusal of a key's request, and that before
    one whose sender showed no valid key; of equals the first before the others.

    The order is the one that statements lock in: parts of a batch that are written one after the other keep it.
    """
    deliveries: dict[str, list[Delivered]] = defaultdict(list)
    for each in delivered:
        deliveries[each.request_id].append(each)
    return [
        some if len(some) == 1 else sorted(some, key=lambda each: (not each.is_ok, each.key_id is None))
        for _, some in sorted(deliveries.items())
    ]


class EncodedRequest(NamedTuple):
    """The rows of one request as JSON.

    instead: what else was delivered under its id, for where Postgres refuses this.
    """

    request_id: str
    first: bytes
    others: list[bytes]
    instead: Sequence[Delivered]


def encode_best(deliveries: Sequence[Delivered]) -> tuple[list[tuple[int, EncodedRequest]], list[RefusedRow]]:
    """The first of a request's deliveries that has a JSON form, if one has, and those before it."""
    refused: list[RefusedRow] = []
    for place, each in enumerate(deliveries, 1):
        try:
            first, *others = [encode(asdict(row)) for row in each.rows]
        except TypeError as error:
            refused.append(formless(each.index, error))
        else:
            return [(each.index, EncodedRequest(each.request_id, first, others, deliveries[place:]))], refused
    return [], refused


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
