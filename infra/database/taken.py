"""Request ids that another key has used before."""

from collections.abc import Sequence, Set

from sqlalchemy import Connection

from infra.database.statements import OWNERS
from schemas.stored import RefusedRow, StoredPrediction


def taken_ids(connection: Connection, rows: Sequence[StoredPrediction], refused: Set[int]) -> list[RefusedRow]:
    """The rows in whose place another key's is stored; a row without a key is nobody's.

    refused: the indices of rows that Postgres does not take: their ids may be no text that it could be asked for.
    """
    strange = {rows[index].request_id for index in refused}
    asked = sorted({row.request_id for row in rows} - strange)
    found = connection.execute(OWNERS, {"request_ids": asked})
    owners = {(request_id, row): key_id for request_id, row, key_id in found}
    return [
        RefusedRow(index, _advice(row.request_id), "request_id_taken")
        for index, row in enumerate(rows)
        if row.key_id and owners.get((row.request_id, row.row), row.key_id) != row.key_id
    ]


def _advice(request_id: str) -> str:
    return f"the request id {request_id} is another key's: choose ids that nobody else chooses, such as UUIDs"
