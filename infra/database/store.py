"""The sink's store: each batch is one transaction of rows and positions."""

import logging
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, Engine

from infra.database import statements as sql
from infra.database.delivered import EncodedRequest, as_delivered, by_preference, encode_best, write_requests
from infra.database.engine import PATIENCE_S
from infra.database.events import encode_event, insert_of
from infra.database.isolate import as_array, encode_each, write_isolating
from infra.database.shadows import INSERT_SHADOWS
from infra.database.taken import taken_ids
from infra.database.transaction import in_transaction
from schemas.errors import BadSettings
from schemas.keys import ApiKey
from schemas.stored import Position, ReceivedLabel, RefusedRow, StoredEvent, StoredPrediction, StoredShadow
from schemas.wire import encode

_log = logging.getLogger("weir.store")

Write = Callable[[Connection, bool], list[RefusedRow]]
"""Writes a batch, told whether every partition's position is beyond its end already."""


class PostgresStore:
    """Postgres as the sink sees it.

    logs: topic -> identity of its log. What comes a second time changes nothing by what it is, wherever the position
    stands: a group may be taken past records and back to them. Its refused rows are reported again, as their dead
    letters may have been lost.
    patience_s: how long a batch may take, in seconds. Every method raises Unavailable beyond it, and while Postgres is
    away.
    """

    def __init__(self, engine: Engine, logs: Mapping[str, str], *, patience_s: float = PATIENCE_S) -> None:
        self._engine = engine
        self._logs = logs
        self._patience_s = patience_s

    async def save_predictions(
        self, rows: Sequence[StoredPrediction], positions: Sequence[Position]
    ) -> list[RefusedRow]:
        """Store the requests that are new, each whole.

        An `ok` is final; any other gives way to an `ok` only, and one without a key to one with a key too.
        rows: each request's from 0 up, one after the other.
        What is not stored as its request id is another key's is reported, each time that it comes.
        """
        delivered = as_delivered(rows)
        best = [encode_best(deliveries) for deliveries in by_preference(delivered)]
        encoded = [item for items, _ in best for item in items]
        formless = [row for _, refused in best for row in refused]

        def write(connection: Connection, is_behind: bool) -> list[RefusedRow]:
            written = 0

            def upsert(some: list[EncodedRequest]) -> None:
                nonlocal written
                written += write_requests(connection, some)

            connection.execute(sql.SHARE_JOIN)
            refused = [*formless, *write_isolating(connection, encoded, upsert, lambda item: encode_best(item.instead))]
            if written + len(refused) == len(delivered):
                return refused
            return [*refused, *taken_ids(connection, delivered, {row.index for row in refused})]

        return await self._save(positions, write)

    async def save_labels(self, labels: Sequence[ReceivedLabel], positions: Sequence[Position]) -> list[RefusedRow]:
        """Append the labels that change something, and put the newest of each row beside its prediction."""

        def write(connection: Connection, is_behind: bool) -> list[RefusedRow]:
            connection.execute(sql.OWN_JOIN)
            given = list(enumerate(labels))
            return write_isolating(connection, given, lambda some: self._write_labels(connection, some))

        return await self._save(positions, write)

    async def save_shadows(self, rows: Sequence[StoredShadow], positions: Sequence[Position]) -> list[RefusedRow]:
        """Store the challengers' answers that are new: of one version's to one row the first stands."""
        encoded, formless = encode_each(list(enumerate(rows)), encode)

        def write(connection: Connection, is_behind: bool) -> list[RefusedRow]:
            return write_isolating(
                connection,
                encoded,
                lambda some: connection.execute(INSERT_SHADOWS, {"rows": as_array(some)}),
            )

        return [*formless, *await self._save(positions, write)]

    async def save_events(self, events: Sequence[StoredEvent], positions: Sequence[Position]) -> list[RefusedRow]:
        """Store what is new of the monitor's events, all of one topic's."""
        encoded = [(index, encode_event(event)) for index, event in enumerate(events)]
        insert = insert_of(events)

        def write(connection: Connection, is_behind: bool) -> list[RefusedRow]:
            return write_isolating(
                connection, encoded, lambda some: connection.execute(insert, {"rows": as_array(some)})
            )

        return await self._save(positions, write)

    async def save_keys(
        self, keys: Sequence[ApiKey], deleted: Sequence[str], positions: Sequence[Position]
    ) -> list[RefusedRow]:
        """Keep the last state of each key with the ends that it ever had, unless later ones may be stored: a key says
        nothing of its offset.

        The topic has one partition, whose position orders all of them.
        """
        last: dict[str, tuple[int, ApiKey]] = {}
        for index, key in enumerate(keys):
            last[key.key_id] = index, key.after(last[key.key_id][1]) if key.key_id in last else key
        states = sorted(last.values(), key=lambda item: item[0])
        encoded, formless = encode_each(states, lambda key: encode(key.model_dump(mode="json")))

        def write(connection: Connection, is_behind: bool) -> list[RefusedRow]:
            savepoint = connection.begin_nested()
            connection.execute(sql.DELETE_KEYS, {"ids": list(deleted)})
            refused = write_isolating(
                connection,
                encoded,
                lambda some: connection.execute(sql.UPSERT_KEYS, {"keys": as_array(some)}),
            )
            if is_behind:
                savepoint.rollback()
                _log.warning("keys left as they are: the position is beyond", extra={"data": {"keys": sorted(last)}})
            else:
                savepoint.commit()
            return refused

        return [*formless, *await self._save(positions, write)]

    async def _save(self, positions: Sequence[Position], write: Write) -> list[RefusedRow]:
        ends = {(self._log(p.topic), p.partition): p.next_offset for p in positions}
        rows = [{"log": log, "partition": n, "next_offset": end} for (log, n), end in ends.items()]
        given = encode(rows).decode()

        def save(connection: Connection) -> list[RefusedRow]:
            found = connection.execute(sql.LOCK_POSITIONS, {"positions": given})
            stored = {(log, partition): offset for log, partition, offset in found}
            refused = write(connection, bool(ends) and all(stored[place] > end for place, end in ends.items()))
            connection.execute(sql.MOVE_POSITIONS, {"positions": given})
            return refused

        return await in_transaction(self._engine, save, self._patience_s)

    def _write_labels(self, connection: Connection, labels: Sequence[ReceivedLabel]) -> None:
        rows = [self._as_row(label) for label in labels]
        given = {"labels": encode(rows).decode()}
        for statement in (sql.INSERT_REVISIONS, sql.APPLY_LABELS):
            connection.execute(statement, given)

    def _as_row(self, label: ReceivedLabel) -> dict[str, object]:
        return {
            **label.feedback.model_dump(),
            "received_at": label.received_at,
            "log": self._log(label.topic),
            "partition": label.partition,
            "offset": label.offset,
        }

    def _log(self, topic: str) -> str:
        if topic not in self._logs:
            known = ", ".join(self._logs) or "none"
            raise BadSettings(f"no log identity for topic {topic}: the store was given {known}")
        return self._logs[topic]
