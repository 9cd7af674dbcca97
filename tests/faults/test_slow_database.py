"""Postgres answers too late: the sink waits for it, may be told to stop, and every row is stored once (R10)."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for

pytestmark = pytest.mark.real_broker

COUNT = 300
WAITS = 4
"""More than MAX_ATTEMPTS: counted as crashes they would end in dead letters."""


@contextmanager
def locked(url: str) -> Iterator[None]:
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE prediction_feedback IN ACCESS EXCLUSIVE MODE")
        yield
        holder.rollback()


@pytest.mark.timeout(150)
@pytest.mark.contract("R9", "R10")
def test_results_that_a_locked_table_holds_up_wait_and_are_stored_once(
    platform: Platform, customers: Customers, database_url: str
) -> None:
    platform.environment["BATCH_TIMEOUT_S"] = "2"
    key = platform.create_key(rate_limit=1, burst=10 * COUNT)
    _, sink = platform.up("scorer", "sink")
    with locked(database_url):
        asked = [platform.upstream.ask(key, customers(n), entity=f"c-{n}") for n in range(COUNT)]
        platform.upstream.flush()
        wait_for(lambda: sink.log.read_text().count("waits: postgres") >= WAITS, "the sink waits", 60)
        sink.stop()
    platform.up("sink")
    platform.settle()
    query = "SELECT request_id, count(*) FROM prediction_feedback GROUP BY request_id"
    assert sorted(platform.stored(query)) == sorted((request_id, 1) for request_id in asked)
    assert platform.tap("dead-letters").to_end() == []
