"""Truths that lie in the outbox though their topic has them: of a database that was made again from the topics."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, text

from infra.database.faults import reaching_postgres
from schemas.wire import encode

Add = Callable[[dict[str, Any]], None]
AT_ONCE = 5000
TOLD_BY = ("request_id", "row", "model", "model_version", "role", "label")
"""What a truth that was told is known by."""
_MADE = text(
    """
    CREATE TEMPORARY TABLE told (
        request_id text, "row" int, model text, model_version text, role text, label int
    ) ON COMMIT DROP
    """
)
_INSERT = text("INSERT INTO told SELECT * FROM json_populate_recordset(NULL::told, CAST(:told AS json))")
_DELETE = text(
    """
    DELETE FROM labelled_outbox AS waiting USING told
    WHERE waiting.number IS NULL AND waiting.model = told.model AND waiting.model_version = told.model_version
      AND waiting.message->>'request_id' = told.request_id AND CAST(waiting.message->>'row' AS int) = told."row"
      AND waiting.message->>'role' = told.role AND CAST(waiting.message->>'label' AS int) = told.label
    """
)


def leave_told(engine: Engine, read: Callable[[Add], None]) -> int:
    """Take out of the outbox what was told already, as `read` hands it over by TOLD_BY; how many that were.

    Raises Unavailable.
    """
    with reaching_postgres(), engine.begin() as connection:
        for timeout in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {timeout} = 0"))
        connection.execute(_MADE)
        held: list[dict[str, Any]] = []

        def add(one: dict[str, Any]) -> None:
            held.append(one)
            if len(held) == AT_ONCE:
                _insert(connection, held)

        read(add)
        _insert(connection, held)
        connection.execute(text("ANALYZE told"))
        return connection.execute(_DELETE).rowcount


def _insert(connection: Connection, held: list[dict[str, Any]]) -> None:
    connection.execute(_INSERT, {"told": encode(held).decode()})
    held.clear()
