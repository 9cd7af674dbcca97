"""What the monitor tells, stored as it comes: the columns of a table are the fields of its message."""

from collections.abc import Mapping, Sequence

from msgspec.json import Encoder
from sqlalchemy import TextClause, inspect, text
from sqlalchemy.dialects import postgresql

from infra.database.monitored import DriftStep, DriftWindowRow, OutlierRow
from infra.database.performance import Performance
from infra.database.tables import Base
from schemas.drift_events import DriftEvent
from schemas.drift_windows import DriftWindow
from schemas.outlier_events import OutlierEvent, OutlierRateEvent
from schemas.performance import ModelPerformance
from schemas.stored import StoredEvent

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def _insert(of: type[Base]) -> TextClause:
    """What comes a second time changes nothing; locks are taken in one order."""
    table = inspect(of).local_table
    columns = {column.name: column.type.compile(_DIALECT) for column in table.columns if column.server_default is None}
    names = ", ".join(f'"{name}"' for name in columns)
    typed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    key = ", ".join(f'"{column.name}"' for column in table.primary_key)
    return text(
        f"INSERT INTO {of.__tablename__} ({names}) SELECT {names} "  # noqa: S608 - the names are the table's own
        f"FROM json_to_recordset(CAST(:rows AS json)) AS given({typed}) ORDER BY {key} ON CONFLICT DO NOTHING"
    )


_INSERTS: Mapping[type, TextClause] = {
    DriftEvent: _insert(DriftStep),
    DriftWindow: _insert(DriftWindowRow),
    OutlierEvent: _insert(OutlierRow),
    OutlierRateEvent: _insert(OutlierRow),
    ModelPerformance: _insert(Performance),
}

encode_event = Encoder().encode


def insert_of(events: Sequence[StoredEvent]) -> TextClause:
    """The statement that stores an array of such events, `rows`; all are of one table."""
    return _INSERTS[type(events[0])] if events else _INSERTS[DriftEvent]
