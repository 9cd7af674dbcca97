"""The tables that triggers count answers in: see revision 0005 of the schema."""

from typing import Annotated, Any

from sqlalchemy import BigInteger, Identity, Index, String, text
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.tables import Base

Count = Annotated[int, mapped_column(BigInteger, server_default="0")]
Loss = Annotated[float, mapped_column(DOUBLE_PRECISION, server_default="0")]
Key = Annotated[int, mapped_column(BigInteger, primary_key=True, autoincrement=False)]


class ArmDelta(Base):
    """What a statement added to the counts of an arm, or several did and were folded.

    arm: null for the copies that a challenger tried. requests: answered or tried, errors among them; compared,
    disagreements: copies, by request; flips, labels, correct: rows. latencies: bucket -> requests.
    """

    __tablename__ = "arm_deltas"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    model: Mapped[str] = mapped_column(String(128))
    route_epoch: Mapped[int] = mapped_column(BigInteger)
    arm: Mapped[str | None] = mapped_column(String(128))
    version: Mapped[str | None] = mapped_column(String(128))
    requests: Mapped[Count]
    compared: Mapped[Count]
    entities: Mapped[Count]
    errors: Mapped[Count]
    disagreements: Mapped[Count]
    flips: Mapped[Count]
    labels: Mapped[Count]
    correct: Mapped[Count]
    loss: Mapped[Loss]
    champion_loss: Mapped[Loss]
    squares: Mapped[Loss]
    latencies: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))

    __table_args__ = (Index("ix_arm_delta_route", "model", "route_epoch"),)


class ArmEntity(Base):
    """Whom an arm has answered since the last step of its route, each once.

    route, arm, entity: hashes of the model, of the arm and its version, and of the entity, whose name is not kept here.
    """

    __tablename__ = "arm_entities"

    route: Mapped[Key]
    route_epoch: Mapped[Key]
    arm: Mapped[Key]
    entity: Mapped[Key]
