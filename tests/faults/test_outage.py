"""Postgres goes away and a sink dies meanwhile: the other takes over what waits, and every row is stored once (R10)."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for

pytestmark = pytest.mark.real_broker

COUNT = 300


@contextmanager
def closed(url: str) -> Iterator[None]:
    """The database takes no connection, and has lost those it had."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


@pytest.mark.timeout(150)
@pytest.mark.parametrize("platform", ["faust"], indirect=True)
@pytest.mark.contract("R10")
def test_a_sink_that_dies_during_an_outage_leaves_its_part_to_the_other(
    platform: Platform, customers: Customers, database_url: str
) -> None:
    key = platform.create_key(rate_limit=1, burst=10 * COUNT)
    _, first, second = platform.up("scorer", "sink", "sink")
    logs = (first.log, second.log)

    def ask() -> list[str]:
        asked = [platform.upstream.ask(key, customers(n), entity=f"c-{n}") for n in range(COUNT)]
        platform.upstream.flush()
        return asked

    asked = ask()
    platform.settle()
    platform.disconnect()
    with closed(database_url):
        asked += ask()
        wait_for(lambda: all("waits: postgres" in log.read_text() for log in logs), "both sinks noticed")
        second.kill()
        platform.wait_members("sink", 1)
        asked += ask()
        platform.settle("scorer")
    platform.settle()
    query = "SELECT request_id, count(*) FROM prediction_feedback GROUP BY request_id"
    assert sorted(platform.stored(query)) == sorted((request_id, 1) for request_id in asked)
    assert platform.tap("dead-letters").to_end() == []
