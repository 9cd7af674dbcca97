"""Answers whose truth is known, on their way from Postgres to their topic; triggers of revision 0009 put them here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.json import Decoder
from sqlalchemy import JSON, BigInteger, Connection, Engine, Identity, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine import PATIENCE_S
from infra.database.tables import Base
from infra.database.transaction import in_transaction

LEASE_S = 10.0
"""After so long without a sign of life another sink sends on."""


class LabelledOutbox(Base):
    """What is to be sent. number: of its model version's, one after the other without a gap, once somebody took it."""

    __tablename__ = "labelled_outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    model: Mapped[str] = mapped_column(String(128))
    model_version: Mapped[str] = mapped_column(String(128))
    number: Mapped[int | None] = mapped_column(BigInteger)
    message: Mapped[Any] = mapped_column(JSON)


class LabelledNumber(Base):
    """The last number that a version's was given. series: another one where the database was made again."""

    __tablename__ = "labelled_numbers"

    model: Mapped[str] = mapped_column(String(128), primary_key=True)
    model_version: Mapped[str] = mapped_column(String(128), primary_key=True)
    series: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    last: Mapped[int] = mapped_column(BigInteger)


class LabelledRelay(Base):
    """Who sends now: one row."""

    __tablename__ = "labelled_relay"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. id: for `delivered`."""

    id: int
    series: UUID
    number: int
    message: dict[str, Any]


_LEASE = text(
    """
    INSERT INTO labelled_relay (id, holder, until)
    VALUES (1, :holder, clock_timestamp() + make_interval(secs => :lease_s))
    ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE labelled_relay.holder = excluded.holder OR labelled_relay.until < clock_timestamp()
    RETURNING id
    """
)
# A number is kept once it is given: what is sent again has the same one.
_NUMBER = text(
    """
    WITH fresh AS (
        SELECT id, model, model_version FROM labelled_outbox WHERE number IS NULL ORDER BY id LIMIT :most
    ),
    placed AS (
        SELECT *, row_number() OVER (PARTITION BY model, model_version ORDER BY id) AS place FROM fresh
    ),
    sizes AS (SELECT model, model_version, count(*) AS size FROM fresh GROUP BY model, model_version),
    counted AS (
        INSERT INTO labelled_numbers (model, model_version, last) SELECT * FROM sizes ORDER BY model, model_version
        ON CONFLICT (model, model_version) DO UPDATE SET last = labelled_numbers.last + excluded.last
        RETURNING model, model_version, last
    )
    UPDATE labelled_outbox AS stored SET number = counted.last - sizes.size + placed.place
    FROM placed JOIN sizes USING (model, model_version) JOIN counted USING (model, model_version)
    WHERE stored.id = placed.id
    """
)
_NUMBERED = text(
    """
    SELECT id, series, number, CAST(message AS text)
    FROM labelled_outbox JOIN labelled_numbers USING (model, model_version)
    WHERE number IS NOT NULL ORDER BY id LIMIT :most
    """
)
_message = Decoder(dict[str, Any]).decode
_DELETE = text("DELETE FROM labelled_outbox WHERE id = ANY(:ids)")


class Outbox:
    """The outbox as the one who sends from it sees it. holder: a name that nobody else has.

    Every method raises Unavailable while Postgres is away.
    """

    def __init__(self, engine: Engine, holder: str, *, patience_s: float = PATIENCE_S, lease_s: float = LEASE_S):
        self._engine = engine
        self._holder = holder
        self._patience_s = patience_s
        self._lease_s = lease_s

    async def take(self, most: int) -> list[Outgoing]:
        """What is to be sent first; nothing where another sends."""

        def take(connection: Connection) -> list[Outgoing]:
            leased = connection.execute(_LEASE, {"holder": self._holder, "lease_s": self._lease_s}).all()
            if not leased:
                return []
            connection.execute(_NUMBER, {"most": most})
            # As text: the driver's own reader of JSON takes several times as long.
            found = connection.execute(_NUMBERED, {"most": most})
            return [Outgoing(place, series, number, _message(told)) for place, series, number, told in found]

        return await in_transaction(self._engine, take, self._patience_s)

    async def delivered(self, sent: Sequence[Outgoing]) -> None:
        """These need not be sent again."""
        ids = [each.id for each in sent]
        await in_transaction(
            self._engine, lambda connection: connection.execute(_DELETE, {"ids": ids}), self._patience_s
        )
