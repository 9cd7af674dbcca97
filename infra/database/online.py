"""Online learners in Postgres: state and offset are one row, so that neither is ever without the other."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import convert
from msgspec.structs import asdict, replace
from sqlalchemy import BigInteger, CheckConstraint, Connection, Engine, String, Text, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine import create_db_session
from infra.database.faults import reaching_postgres
from infra.database.tables import Base
from schemas.labelled import RowKey
from schemas.online import Checkpoint

LAST_ROW = 2**31 - 1
"""The largest that the column holds; Postgres refuses to look for others, and for a NUL character in a text."""


class OnlineModel(Base):
    """A learner, see `schemas.online`. state: text, as JSONB knows no -0."""

    __tablename__ = "online_models"

    model: Mapped[str] = mapped_column(String(128), primary_key=True)
    log: Mapped[str] = mapped_column(Text)
    next_offset: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    compared: Mapped[int] = mapped_column(BigInteger)
    champion_version: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(Text)
    edition: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    kept_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint('next_offset >= 0 AND "rows" >= 0 AND edition > 0', name="ck_online_counts"),)


class OnlineModels:
    """The learners. Every method raises Unavailable while Postgres is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def load(self, model: str) -> Checkpoint | None:
        """The model's learner as it was kept last."""
        with reaching_postgres(), self._engine.connect() as connection:
            return kept(connection, model)

    def save(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """Keep it in place of the edition that it goes on from, and answer with it as it is kept.

        None where another has kept one since, and nothing is written: whoever was cut off learns behind the other one.
        By the edition and not by the offset, which begins again with a topic that is made anew.
        """
        following = replace(checkpoint, edition=checkpoint.edition + 1)
        if checkpoint.edition == 0:
            statement: Any = insert(OnlineModel).values(asdict(following)).on_conflict_do_nothing()
        else:
            was = (OnlineModel.model == checkpoint.model, OnlineModel.edition == checkpoint.edition)
            statement = update(OnlineModel).where(*was).values(**asdict(following), kept_at=func.now())
        with reaching_postgres(), self._engine.begin() as connection:
            return None if connection.execute(statement.returning(OnlineModel.edition)).first() is None else following

    def features(self, keys: Sequence[RowKey]) -> Mapping[RowKey, Any]:
        """What these rows were scored by; none of those that are stored no more."""
        asked = [(request_id, row) for request_id, row in keys if "\x00" not in request_id and 0 <= row <= LAST_ROW]
        given = json.dumps([{"request_id": request_id, "row": row} for request_id, row in asked])
        with reaching_postgres(), self._engine.connect() as connection:
            return {(found[0], found[1]): found[2] for found in connection.execute(_FEATURES, {"keys": given})}


_FEATURES = text("""
    SELECT request_id, "row", features
    FROM jsonb_to_recordset(CAST(:keys AS jsonb)) AS asked (request_id text, "row" int)
    JOIN prediction_feedback USING (request_id, "row") WHERE features IS NOT NULL
""")


def kept(connection: Connection, model: str) -> Checkpoint | None:
    """The model's learner as it was kept last."""
    with create_db_session(connection) as session:
        row = session.scalar(select(OnlineModel).where(OnlineModel.model == model))
        return None if row is None else convert(row, Checkpoint, from_attributes=True)


def tried_rows(connection: Connection, model: str) -> int:
    """How many rows the model's learner had learned when it was tried last."""
    return int(connection.scalar(_TRIED, {"model": model}) or 0)


_TRIED = text("""
    SELECT "rows" FROM retraining_jobs WHERE model = :model AND trigger = 'online' AND state = 'completed'
    ORDER BY requested_at DESC, job_id LIMIT 1
""")
