"""Drifts as server-sent events: over real HTTP, from the real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec import structs
from uvicorn import Server

from infra.kafka import publish
from schemas.drift_events import DriftEvent, encode_drift, read_drift
from streams.gateway.drift import drift_routes
from streams.gateway.live import LiveTopic
from tests.infra.database.told import step
from tests.kafka import make_topic, until
from tests.streams.gateway.callers import patient, serving
from tests.streams.gateway.fakes import Gateway
from tests.streams.gateway.test_drift import Kept

WAIT_S = 20.0
Blocks = AsyncIterator[dict[str, str]]


class Feed:
    """A topic, the gateway that tells of it, and listeners."""

    def __init__(self, bootstrap: str, topic: str, **more: Any) -> None:
        self.bootstrap, self.topic = bootstrap, topic
        self.live = LiveTopic({"bootstrap_servers": bootstrap}, topic, **more)
        self.gateway = Gateway()
        self.gateway.more = drift_routes(Kept(), self.live, self.gateway.keys, lambda: datetime.now(UTC))
        self.api_key = self.gateway.keys.new("monitor")

    async def tell(self, *values: DriftEvent | bytes) -> None:
        """Each under a key of its own: they come to lie on several partitions."""
        bodies = [value if isinstance(value, bytes) else encode_drift(value) for value in values]
        records = [(uuid4().bytes, body, ()) for body in bodies]
        await asyncio.to_thread(publish, {"bootstrap.servers": self.bootstrap}, self.topic, records)

    @asynccontextmanager
    async def listening(self, server: Server, last: str | None = None, query: str = "") -> AsyncIterator[Blocks]:
        """Blocks of fields, the first of them with the id to begin with."""
        host, port = server.servers[0].sockets[0].getsockname()
        headers = {"X-API-Key": self.api_key} | ({} if last is None else {"Last-Event-ID": last})
        async with (
            httpx.AsyncClient(base_url=f"http://{host}:{port}", headers=headers, timeout=WAIT_S) as http,
            http.stream("GET", f"/drift/events{query}") as response,
        ):
            assert response.status_code == 200, await response.aread()
            assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert response.headers["Cache-Control"] == "no-store"
            yield _blocks(response)


async def _blocks(response: httpx.Response) -> Blocks:
    block: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            block[name] = value
        else:
            yield block
            block = {}


async def heard(blocks: Blocks, count: int) -> list[dict[str, str]]:
    """So many of the next blocks."""
    async with asyncio.timeout(WAIT_S):
        return [await anext(blocks) for _ in range(count)]


def steps(count: int) -> list[DriftEvent]:
    return [step(str(uuid4()), minute=minute) for minute in range(count)]


def told(blocks: list[dict[str, str]]) -> set[str]:
    return {read_drift(block["data"].encode()).event_id for block in blocks}


@pytest.fixture
def feed(bootstrap: str, unique: Callable[..., str]) -> Feed:
    return Feed(bootstrap, make_topic(bootstrap, unique("drift"), 3), most=2)


@pytest.mark.contract("D3")
async def test_who_listens_hears_what_comes_from_then_on(feed: Feed) -> None:
    await feed.tell(*steps(3))
    [opened, over] = step(str(uuid4())), step(str(uuid4()), "resolved")
    async with serving(feed.gateway, patient()) as server, feed.listening(server) as blocks:
        [first] = await heard(blocks, 1)
        assert (first["retry"], "data" in first) == ("3000", False)
        await feed.tell(opened, b"nonsense")
        await feed.tell(over)
        found = await heard(blocks, 2)
    assert [block["event"] for block in found] == ["drift_detected", "drift_resolved"]
    assert [read_drift(block["data"].encode()) for block in found] == [opened, over]


@pytest.mark.contract("D3")
async def test_who_comes_back_hears_what_was_told_meanwhile_and_nothing_twice(feed: Feed) -> None:
    events = steps(30)
    async with serving(feed.gateway, patient()) as server:
        async with feed.listening(server) as blocks:
            [first] = await heard(blocks, 1)
            await feed.tell(*events[:20])
            before = await heard(blocks, 12)
        await feed.tell(*events[20:])
        async with feed.listening(server, before[-1]["id"]) as blocks:
            after = (await heard(blocks, 19))[1:]
        async with feed.listening(server, first["id"]) as blocks:
            everything = (await heard(blocks, 31))[1:]
    assert told(before) | told(after) == {event.event_id for event in events}
    assert not told(before) & told(after)
    assert len(told(everything)) == 30


async def test_a_place_that_the_topic_has_not_is_answered_with_all_that_it_keeps(feed: Feed) -> None:
    await feed.tell(*steps(4))
    elsewhere = "0:900,1:900,2:900,7:3"
    async with serving(feed.gateway, patient()) as server, feed.listening(server, elsewhere) as blocks:
        assert len(told((await heard(blocks, 5))[1:])) == 4


async def test_one_who_hangs_up_makes_room_for_another(feed: Feed) -> None:
    async with serving(feed.gateway, patient()) as server:
        async with feed.listening(server), feed.listening(server) as blocks:
            await heard(blocks, 1)
            assert feed.live.is_full
            async with feed.gateway.client(feed.api_key) as client:
                refused = await client.get("/drift/events")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
        await until(lambda: feed.live.listeners == 0, "both are known to be gone")
        async with feed.listening(server) as blocks:
            await heard(blocks, 1)


async def test_a_silence_is_interrupted(bootstrap: str, unique: Callable[..., str]) -> None:
    feed = Feed(bootstrap, make_topic(bootstrap, unique("drift"), 3), heartbeat_s=0.1)
    async with serving(feed.gateway, patient()) as server, feed.listening(server) as blocks:
        assert [set(block) for block in await heard(blocks, 3)] == [{"retry", "id"}, {"id", ""}, {"id", ""}]


async def test_who_asks_for_a_model_hears_of_that_alone_and_need_not_hear_the_others_again(
    bootstrap: str, unique: Callable[..., str]
) -> None:
    feed = Feed(bootstrap, make_topic(bootstrap, unique("drift"), 1), heartbeat_s=0.1)
    [wanted, other] = steps(2)
    other = structs.replace(other, model="another")
    async with serving(feed.gateway, patient()) as server, feed.listening(server, query="?model=m") as blocks:
        await heard(blocks, 1)
        for event in (other, wanted, other):
            await feed.tell(event)
        async with asyncio.timeout(WAIT_S):
            found = []
            while not found or found[-1]["id"] != "0:3":
                found.append(await anext(blocks))
    assert [read_drift(block["data"].encode()) for block in found if "data" in block] == [wanted]


async def test_what_cannot_be_asked_for_is_named(feed: Feed) -> None:
    async with feed.gateway.client(feed.api_key) as client:
        answer = await client.get("/drift/events?modle=churn")
    assert (answer.status_code, answer.json()["error"]["fields"][0]["field"]) == (422, "modle")


async def test_a_revoked_key_hears_no_more(feed: Feed) -> None:
    async with serving(feed.gateway, patient()) as server, feed.listening(server) as blocks:
        await heard(blocks, 1)
        found = feed.gateway.keys.credentials[feed.api_key]
        revoked = found.key.model_copy(update={"revoked_at": datetime.now(UTC)})
        feed.gateway.keys.credentials[feed.api_key] = replace(found, key=revoked)
        async with asyncio.timeout(WAIT_S):
            assert [block async for block in blocks] == []


async def test_a_gateway_that_stops_waits_for_no_listener(feed: Feed) -> None:
    async with asyncio.timeout(WAIT_S), serving(feed.gateway, patient()) as server, feed.listening(server) as blocks:
        await heard(blocks, 1)
        feed.live.end()
        assert [block async for block in blocks] == []


async def test_without_a_broker_it_is_a_503_and_nobody_is_counted() -> None:
    feed = Feed("127.0.0.1:1", "t")
    async with feed.gateway.client(feed.api_key) as client:
        answer = await client.get("/drift/events")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert feed.live.listeners == 0


async def test_who_asks_for_the_headers_alone_holds_nothing(feed: Feed) -> None:
    async with feed.gateway.client(feed.api_key) as client:
        answer = await client.head("/drift/events")
    assert (answer.status_code, feed.live.listeners) == (200, 0)


class Silent:
    """A place in a topic whose broker is gone."""

    def __init__(self) -> None:
        self.positions: dict[int, int] = {0: 5}
        self.closed = False

    async def heard(self) -> list[tuple[bytes | None, dict[int, int]]]:
        await asyncio.sleep(0)
        return []

    async def make_sure(self) -> None:
        raise TimeoutError

    async def close(self) -> None:
        self.closed = True


class Gone(LiveTopic):
    """A topic that could be opened and is not heard from any more."""

    def __init__(self) -> None:
        super().__init__({}, "t", heartbeat_s=0.0)
        self.tail: Any = Silent()

    async def listen(self, after: Any) -> Any:
        self.listeners += 1
        return self.tail


async def test_a_silence_that_is_no_calm_ends_the_stream(bootstrap: str) -> None:
    feed = Feed(bootstrap, "t")
    live = Gone()
    feed.gateway.more = drift_routes(Kept(), live, feed.gateway.keys, lambda: datetime.now(UTC))
    async with asyncio.timeout(WAIT_S), feed.gateway.client(feed.api_key) as client:
        answer = await client.get("/drift/events")
    assert answer.text == "retry: 3000\nid: 0:5\n\n"
    assert (live.tail.closed, live.listeners) == (True, 0)
