"""The stack that the tests run on, started at most once in a session."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from infra.local.ladder import Choice, choose, look_around
from infra.local.stack import VARIABLES, RunningStack, start

IN_CI = os.environ.get("CI") == "true"
MEASURING = "COVERAGE_"
_measuring: dict[str, str] = {}


@cache
def chosen() -> Choice:
    return choose(look_around(os.environ))


def described(choice: Choice) -> str:
    return f"kafka {choice.kafka}, redis {choice.redis}, postgres {choice.postgres}"


def measure_no_child() -> None:
    """Processes that tests start are not asked which lines they run, unless a test wants that: it costs them a third of
    their time, and other tests run nearly all of the same lines."""
    for name in [name for name in os.environ if name.startswith(MEASURING)]:
        _measuring[name] = os.environ.pop(name)


def measured(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process whose lines count as covered."""
    return {**environ, **_measuring}


def is_measured(environ: Mapping[str, str]) -> bool:
    return any(name.startswith(MEASURING) for name in environ)


def unmeasured(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(MEASURING)}


def without_services(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with no service named in it, nor what one is to be chosen."""
    named = {*VARIABLES.values(), "WEIR_MASTER_SECRET", "WEIR_STACK"}
    return {name: value for name, value in environ.items() if name not in named}


@contextmanager
def running() -> Iterator[RunningStack]:
    """The best stack found, in a short-lived directory; it dies with this process whatever happens."""
    with tempfile.TemporaryDirectory(prefix="weir-tests-", ignore_cleanup_errors=True) as folder:
        stack = start(Path(folder), os.environ, require_real_broker=IN_CI, leash=True, report=lambda line: None)
        try:
            yield stack
        finally:
            stack.stop()


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """URL of an empty database on the running Postgres, dropped afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    identifier = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        try:
            yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
