"""The client of upstream services, on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import numpy as np
import pytest

from infra.auth import SealedKeyRing
from infra.local.stack import RunningStack
from infra.sealing import Sealer
from schemas import headers as h
from schemas.errors import BadSettings, InvalidRequest, Unavailable
from schemas.keys import ApiKey, hash_api_key, new_api_key, new_key_id
from schemas.request import is_request_id
from schemas.signing import signing_key
from schemas.wire import decode
from streams.client import Ask, WeirClient
from streams.settings import Settings
from tests.streams.gateway.echo import Echo, echoing, eventually, topics_on
from tests.streams.gateway.fakes import NOW

FEATURES = {"total_orders": 3}


class Setup(NamedTuple):
    settings: Settings
    api_key: str
    key_id: str
    echo: Echo

    def client(self, *, replies: bool = True, api_key: str | None = None) -> WeirClient:
        return WeirClient(api_key=api_key or self.api_key, key_id=self.key_id, settings=self.settings, replies=replies)


def ring_of(api_key: str, key_id: str) -> SealedKeyRing:
    """A key ring with one key."""
    sealer = Sealer("s" * 32)
    key = ApiKey(
        key_id=key_id,
        name="test",
        key_hash=hash_api_key(api_key),
        sealed_signing_key=sealer.seal(key_id, signing_key(api_key)),
        created_at=NOW,
    )
    ring = SealedKeyRing(sealer)
    ring.update(key_id, key.model_dump_json().encode())
    return ring


@pytest.fixture(scope="module")
def settings(stack: RunningStack) -> Settings:
    return topics_on(stack, "client-test-")


@pytest.fixture
async def setup(settings: Settings) -> AsyncIterator[Setup]:
    api_key, key_id = new_api_key(test=True), new_key_id()
    async with echoing(settings, ring_of(api_key, key_id)) as echo:
        yield Setup(settings, api_key, key_id, echo)


@pytest.mark.contract("K8")
async def test_a_prediction_is_asked_for_signed_and_answered(setup: Setup) -> None:
    async with setup.client() as client:
        result = await client.predict(FEATURES, entity="c-42", model="churn", request_id="r-1")
    assert (result.status, result.request_id, result.entity) == ("ok", "r-1", "c-42")
    [record] = setup.echo.seen
    assert record.key == b"c-42"
    assert decode(record.value) == {"entity": "c-42", "model": "churn", "features": FEATURES}


@pytest.mark.contract("K8")
async def test_a_forged_signature_ends_as_unauthorized(setup: Setup) -> None:
    async with setup.client(api_key=new_api_key()) as client:
        assert (await client.predict(FEATURES, entity="c-42")).status == "unauthorized"


async def test_many_are_answered_in_the_order_asked(setup: Setup) -> None:
    asks = [Ask(FEATURES, f"c-{number}", request_id=f"r-{number}") for number in range(300)]
    async with setup.client() as client:
        results = await client.predict_many(asks, timeout=20)
    assert [result and result.request_id for result in results] == [ask.request_id for ask in asks]


async def test_several_rows_travel_as_one_request_and_numpy_numbers_as_numbers(setup: Setup) -> None:
    async with setup.client() as client:
        await client.predict([{"total_orders": np.int64(3)}, {"total_orders": np.float32(0.5)}])
    body = decode(setup.echo.seen[0].value)
    assert body["rows"] == [{"total_orders": 3}, {"total_orders": 0.5}]


async def test_a_submitted_request_asks_for_no_reply_and_returns_its_id(setup: Setup) -> None:
    async with setup.client(replies=False) as client:
        request_id = await client.submit(FEATURES)
        await eventually(lambda: setup.echo.seen)
        with pytest.raises(BadSettings, match="replies=False"):
            await client.predict(FEATURES)
    [record] = setup.echo.seen
    assert is_request_id(request_id.encode())
    assert record.key == request_id.encode()
    assert h.REPLY_PARTITION not in dict(record.headers)


async def test_no_reply_in_time_is_a_timeout_and_none_among_many(setup: Setup) -> None:
    setup.echo.mute = True
    async with setup.client() as client:
        with pytest.raises(TimeoutError, match="request_id"):
            await client.predict(FEATURES, timeout=0.5)
        assert await client.predict_many([Ask(FEATURES)] * 2, timeout=0.5) == [None, None]
        assert client._replies is not None
        assert len(client._replies._pending) == 0


async def test_repeated_replies_change_nothing(setup: Setup) -> None:
    setup.echo.copies = 3
    async with setup.client() as client:
        results = [await client.predict(FEATURES, request_id=f"r-{number}") for number in range(5)]
    assert [result.request_id for result in results] == [f"r-{number}" for number in range(5)]


async def test_feedback_is_checked_and_delivered(setup: Setup) -> None:
    async with setup.client(replies=False) as client:
        await client.feedback("r-1", 1)
        with pytest.raises(InvalidRequest):
            await client.feedback("r-1", 2)


async def test_what_cannot_be_sent_is_refused_before_anything_is_sent(setup: Setup) -> None:
    bad = [
        Ask(FEATURES, ""),
        Ask(FEATURES, "a\nb"),
        Ask(FEATURES, "\ud800"),
        Ask(FEATURES, "c", request_id="two words"),
        Ask({"x": object()}, "c"),
        Ask({"x": "y" * 1024 * 1024}, "c"),
    ]
    async with setup.client() as client:
        for ask in bad:
            with pytest.raises(InvalidRequest):
                await client.predict_many([Ask(FEATURES, "good"), ask])
        await client.predict(FEATURES, request_id="last")
    assert [dict(record.headers)[h.REQUEST_ID] for record in setup.echo.seen] == [b"last"]


async def test_a_cancelled_call_frees_its_entry(setup: Setup) -> None:
    setup.echo.mute = True
    async with setup.client() as client:
        assert client._replies is not None
        pending = client._replies._pending
        call = asyncio.create_task(client.predict(FEATURES))
        await eventually(lambda: len(pending) == 1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert len(pending) == 0


@pytest.mark.parametrize(
    ("api_key", "key_id", "said"),
    [("", "A" * 11, "sk_live_"), ("sk_live_short", "A" * 11, "sk_live_"), (new_api_key(), "", "weir keys list")],
    ids=["no key", "half a key", "no id"],
)
def test_a_missing_key_or_id_is_said_with_what_to_do(api_key: str, key_id: str, said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        WeirClient("127.0.0.1:9", api_key=api_key, key_id=key_id)


@pytest.mark.contract("K2")
def test_the_errors_about_a_key_do_not_show_it() -> None:
    with pytest.raises(BadSettings) as caught:
        WeirClient("127.0.0.1:9", api_key="sk_live_almost-a-key", key_id="A" * 11)
    assert "almost" not in str(caught.value)


async def test_without_a_broker_it_says_so() -> None:
    client = WeirClient("127.0.0.1:9", api_key=new_api_key(), key_id="A" * 11)
    with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
        async with client:
            pass
