"""The view of a compacted topic: whole before ready, then followed."""

import asyncio
import time
from collections.abc import Callable

import pytest

from infra.kafka import publish
from schemas.errors import Unavailable
from streams.compacted import CompactedView
from streams.settings import Settings
from tests.kafka import make_topic, until


@pytest.fixture
def topic(bootstrap: str, unique: Callable[..., str]) -> str:
    return make_topic(bootstrap, unique("view"), 1)


async def test_a_view_knows_everything_before_it_is_ready_and_follows_afterwards(bootstrap: str, topic: str) -> None:
    options = {"bootstrap.servers": bootstrap}
    publish(options, topic, [(b"a", b"1", ()), (b"b", b"1", ()), (b"a", b"2", ())])
    table: dict[str, bytes | None] = {}
    view = CompactedView(Settings(kafka_bootstrap_servers=bootstrap), topic, table.__setitem__)
    await view.start()
    try:
        assert table == {"a": b"2", "b": b"1"}
        await asyncio.to_thread(publish, options, topic, [(b"b", None, ()), (b"\xff", b"ignored", ())])
        sent_at = time.monotonic()
        await until(lambda: table["b"] is None, "the removal")
        assert time.monotonic() - sent_at < 2
        await until(lambda: view.records == 5, "the unreadable key")
        assert set(table) == {"a", "b"}
        assert view.staleness_s < 5
    finally:
        await view.stop()


async def test_an_empty_topic_is_ready_at_once(bootstrap: str, topic: str) -> None:
    view = CompactedView(Settings(kafka_bootstrap_servers=bootstrap), topic, lambda key, value: None)
    await view.start()
    assert view.records == 0
    await view.stop()


async def test_a_broker_that_is_away_is_named() -> None:
    view = CompactedView(
        Settings(kafka_bootstrap_servers="127.0.0.1:9"), "api-keys", lambda key, value: None, timeout_s=1
    )
    with pytest.raises(Unavailable, match="api-keys"):
        await view.start()
