"""Changes of keys in their thread: one after the other, in the caller's name, and in time or never."""

import asyncio
import threading
import time

import pytest

from infra.auth import KeyManager
from infra.kafka import client_options
from infra.key_store import TopicKeyStore
from schemas.errors import Unavailable
from streams.gateway.administration import IN_LINE, Administration
from streams.settings import Settings
from tests.infra.keys import SEALER, DictStore
from tests.streams.gateway.fakes import Gateway

NOBODY = "127.0.0.1:1"


def away(patience_s: float = 20) -> Administration:
    store = TopicKeyStore(client_options(Settings(kafka_bootstrap_servers=NOBODY)), "api-keys", "audit-events", 0.3)
    return Administration(KeyManager(store, SEALER), patience_s)


async def test_while_kafka_is_away_each_route_is_503_in_time() -> None:
    gateway = Gateway(administer=away())
    async with gateway.client(gateway.keys.new("admin")) as client:
        begun = time.monotonic()
        reads = [await client.get("/keys"), await client.get("/keys/AAAAAAAAAAA")]
        changes = [
            await client.post("/keys", json={"name": "client"}),
            await client.delete("/keys/AAAAAAAAAAA"),
            await client.post("/keys/AAAAAAAAAAA/rotate"),
        ]
    assert time.monotonic() - begun < 20
    for response in reads + changes:
        assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
        assert response.headers["Retry-After"] == "1"
    assert {response.json()["error"]["message"] for response in reads} == {"kafka is not available: retry shortly"}
    assert {"may have been made or not" in response.json()["error"]["message"] for response in changes} == {True}


class Slow(DictStore):
    """A store that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()
        self.begun = 0

    def get(self, key_id: str) -> None:
        self.begun += 1
        assert self.may.wait(30)


def getting(manager: KeyManager) -> None:
    manager.get("AAAAAAAAAAA")


async def test_a_change_that_did_not_begin_in_time_is_never_made() -> None:
    store = Slow()
    administration = Administration(KeyManager(store, SEALER), 0.3)
    made: list[str] = []

    def making(manager: KeyManager) -> None:
        made.append("late")

    answers = await asyncio.gather(administration("a", getting), administration("b", making), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    store.may.set()
    await administration("c", getting)
    assert made == []
    assert store.begun == 2
    administration.close()


async def test_one_too_many_in_line_is_told_at_once() -> None:
    store = Slow()
    administration = Administration(KeyManager(store, SEALER), 30)
    waiting = [asyncio.create_task(administration("a", getting)) for _ in range(IN_LINE)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match=f"{IN_LINE} changes of keys wait"):
        await administration("b", getting)
    store.may.set()
    await asyncio.gather(*waiting)
    await administration("b", getting)
    administration.close()


async def test_a_change_is_made_in_the_callers_name_and_a_refusal_comes_through() -> None:
    gateway = Gateway()
    gateway.administer = Administration(KeyManager(gateway.administered, SEALER), 10)
    async with gateway.client(gateway.keys.new("admin")) as client:
        assert (await client.post("/keys", json={"name": ""})).status_code == 422
        assert (await client.post("/keys", json={"name": "client"})).status_code == 201
    [credential], [event] = gateway.keys.credentials.values(), gateway.administered.events
    assert event.actor == credential.key.key_id
