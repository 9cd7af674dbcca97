"""What the verbs of `weir db` share: the engine, a bar, and counts by table."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from sqlalchemy import Engine

from infra.database.engine import create_db_engine
from streams.bring_up import local_settings
from streams.settings import Settings


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Engine]:
    """The database that DATABASE_URL names, or that runs here. One connection reads while another writes."""
    url = (settings or local_settings(os.environ)).database_url.get_secret_value()
    engine = create_db_engine(url, pool_size=2, max_overflow=0)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def bar(doing: str, total: int) -> Iterator[Callable[[int], None]]:
    """Takes what was done since it was last told; shown on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda done: progress.advance(task, done)


def print_rows(title: str, rows: Mapping[str, int]) -> None:
    table = Table(Column("table", no_wrap=True), Column("rows", justify="right"), title=title, title_justify="left")
    for name, count in rows.items():
        table.add_row(name, str(count))
    table.add_section()
    table.add_row("in all", str(sum(rows.values())))
    Console().print(table)
