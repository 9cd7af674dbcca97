"""Truths that lie in the outbox though their topic has them: of a database that was made again from the topics."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, text

from infra.database.faults import reaching_postgres
from schemas.wire import encode

Add = Callable[[dict[str, Any]], None]
AT_ONCE = 5000
# life: of the database whose numbers these are, in order.
_MADE = text(
    """
    CREATE TEMPORARY TABLE told (
        request_id text, "row" int, model text, model_version text, role text, label int, life int, number bigint
    ) ON COMMIT DROP
    """
)
_INSERT = text("INSERT INTO told SELECT * FROM json_populate_recordset(NULL::told, CAST(:told AS json))")
_WHOSE = 'request_id, "row", model, model_version, role'
# Of a row only the last truth counts, which may have been told before another one was: as its topic has the last of
# those that it has, what is left to tell is that it was revised.
_LEAVE = text(
    f"""
    WITH last_told AS (
        SELECT DISTINCT ON ({_WHOSE}) {_WHOSE}, label AS told FROM told ORDER BY {_WHOSE}, life DESC, number DESC
    ),
    untold AS (
        SELECT id, model, model_version, message->>'request_id' AS request_id, CAST(message->>'row' AS int) AS "row",
            message->>'role' AS role, CAST(message->>'label' AS int) AS label
        FROM labelled_outbox WHERE number IS NULL
    ),
    held AS (
        SELECT id, told, label <> told AND id = max(id) OVER (PARTITION BY {_WHOSE}) AS stays
        FROM untold JOIN last_told USING ({_WHOSE})
    ),
    revised AS (
        UPDATE labelled_outbox AS waiting
        SET message = jsonb_set(CAST(message AS jsonb), '{{former_label}}', to_jsonb(told))
        FROM held WHERE waiting.id = held.id AND stays
    )
    DELETE FROM labelled_outbox AS waiting USING held WHERE waiting.id = held.id AND NOT stays
    """  # noqa: S608 - names of our own
)


def leave_told(engine: Engine, read: Callable[[Add], None]) -> int:
    """Take out of the outbox what was told already, as `read` hands it over, each as a row of `told`; how many.

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
        return connection.execute(_LEAVE).rowcount


def _insert(connection: Connection, held: list[dict[str, Any]]) -> None:
    connection.execute(_INSERT, {"told": encode(held).decode()})
    held.clear()
