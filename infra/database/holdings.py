"""How much lies in the tables."""

from sqlalchemy import Engine, inspect, text

from infra.database.all_tables import METADATA
from infra.database.faults import reaching_postgres


def rows_by_table(engine: Engine) -> dict[str, int]:
    """Table -> its rows, of Weir's tables that are there. Raises Unavailable."""
    with reaching_postgres(), engine.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        known = sorted(set(METADATA.tables) & set(inspect(connection).get_table_names()))
        return {name: int(connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0) for name in known}  # noqa: S608 - names of our own
