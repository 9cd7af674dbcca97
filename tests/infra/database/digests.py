"""What is in a database, in a form that another one's can be held against."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Engine

from tests.infra.database.rows import stored

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
ROWS = """SELECT count(*) || ' ' || md5(coalesce(string_agg(md5(given::text), '' ORDER BY md5(given::text)), ''))
    FROM {} AS given"""
WITHOUT = "(SELECT to_jsonb(whole) - CAST('{{{columns}}}' AS text[]) AS row FROM {table} AS whole)"
OBJECTS = (
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef",
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
    # A check that is read again has its casts elsewhere.
    "SELECT conrelid::regclass::text, conname, "
    "regexp_replace(pg_get_constraintdef(oid), '::(character varying|text)(\\[\\])?|[()]', '', 'g') FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "SELECT table_name, ordinal_position, column_name, data_type, column_default, is_nullable "
    "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
)
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"


def digests(engine: Engine, besides: Sequence[str] = (), whole: Collection[str] = ()) -> dict[str, str]:
    """Of each table: how many rows, and a digest of all of them in whatever order.

    besides: columns that are left out, but of the tables that are `whole`.
    """
    found = {}
    for table in stored(engine, TABLES):
        some = WITHOUT.format(columns=",".join(besides), table=table) if besides and table not in whole else table
        found[table] = stored(engine, ROWS.format(some))[0]
    return found


def schema(engine: Engine) -> list[Any]:
    return [stored(engine, query) for query in OBJECTS]


def sequences(engine: Engine) -> list[Any]:
    """Each with the last number that it gave."""
    return stored(engine, SEQUENCES)
