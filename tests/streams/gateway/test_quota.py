"""The caller's bucket on responses."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from schemas.keys import ApiKey
from streams.gateway.pending import RateState
from tests.streams.gateway.fakes import FULL, NOW, RATE, Gateway, replying

NOW_S = int(NOW.timestamp())
PEEKED = RateState(500, 42, NOW_S + 90, 0)
NAMES = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy")


class Peeks:
    """Answers with one state, and knows whose bucket was asked for."""

    def __init__(self) -> None:
        self.asked: list[ApiKey] = []

    async def __call__(self, key: ApiKey) -> RateState:
        self.asked.append(key)
        return PEEKED


def told(response: httpx.Response) -> list[str | None]:
    return [response.headers.get(name) for name in NAMES]


OF_PEEK = ["500", "42", str(NOW_S + 90), '"hourly";r=42;t=90', '"hourly";q=500;w=3600']


@pytest.mark.contract("B5")
async def test_a_charged_response_tells_what_the_scorer_left_and_asks_nobody() -> None:
    peeks = Peeks()
    gateway = Gateway(peek=peeks)
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/predict", json=FULL)
    assert response.status_code == 200
    wait = RATE["reset"] - NOW_S
    assert told(response) == ["1000", "7", str(RATE["reset"]), f'"hourly";r=7;t={wait}', '"hourly";q=1000;w=3600']
    assert peeks.asked == []


async def lost(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get("/nowhere")


async def unreadable(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/predict", content=b"{")


async def forbidden(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get("/metrics")


async def wrong(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/feedback", json={"request_id": 7})


async def crashing(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get("/predictions/r-1")


@pytest.mark.contract("B5")
@pytest.mark.parametrize(
    ("status", "call"),
    [(404, lost), (400, unreadable), (403, forbidden), (422, wrong), (500, crashing)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_every_authenticated_response_tells_the_bucket(
    status: int, call: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]
) -> None:
    async def crash(_: str) -> None:
        raise RuntimeError("a bug")

    peeks = Peeks()
    gateway = Gateway(peek=peeks, predictions=crash)
    api_key = gateway.keys.new("predict")
    async with gateway.client(api_key) as client:
        response = await call(client)
    assert response.status_code == status
    assert told(response) == OF_PEEK
    assert peeks.asked == [gateway.keys.credentials[api_key].key]


@pytest.mark.contract("B5")
async def test_a_503_and_a_504_tell_it_too() -> None:
    gateway = Gateway(peek=Peeks())
    gateway.kafka.down = True
    api_key = gateway.keys.new("predict")
    async with gateway.client(api_key) as client:
        away = await client.post("/predict", json=FULL)
        gateway.kafka.down, gateway.kafka.scorer = False, None
        late = await client.post("/predict", json=FULL, headers={"X-Timeout-Ms": "50"})
    assert (away.status_code, late.status_code) == (503, 504)
    assert told(away) == told(late) == OF_PEEK


@pytest.mark.contract("B5")
async def test_health_and_strangers_are_told_nothing() -> None:
    peeks = Peeks()
    gateway = Gateway(peek=peeks)
    async with gateway.client() as client:
        responses = [
            await client.get("/healthz"),
            await client.get("/readyz"),
            await client.post("/predict", json=FULL),
        ]
    assert [response.status_code for response in responses] == [200, 200, 401]
    assert [told(response) for response in responses] == [[None] * 5] * 3
    assert peeks.asked == []


@pytest.mark.contract("B5")
async def test_a_denied_response_says_when_to_come_back() -> None:
    rate = {"limit": 10, "remaining": 0, "reset": NOW_S + 360, "retry_after": 360}
    gateway = Gateway(peek=Peeks())
    gateway.kafka.scorer = replying("rate_limited", rate)
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/predict", json=FULL)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "360"
    assert told(response) == ["10", "0", str(NOW_S + 360), '"hourly";r=0;t=360', '"hourly";q=10;w=3600']


@pytest.mark.contract("B5")
async def test_where_limits_are_off_only_a_scorer_that_limits_all_the_same_tells_and_then_all() -> None:
    gateway = Gateway()
    gateway.kafka.scorer = replying(rate=None)
    async with gateway.client(gateway.keys.new("predict")) as client:
        untold = [await client.post("/predict", json=FULL), await lost(client), await forbidden(client)]
        gateway.kafka.scorer = replying()
        limited = await client.post("/predict", json=FULL)
    assert [told(response) for response in untold] == [[None] * 5] * 3
    assert None not in told(limited)
