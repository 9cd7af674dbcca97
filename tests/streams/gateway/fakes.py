"""The gateway's surroundings as small honest classes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from starlette.applications import Starlette

from infra.key_manager import KeyManager
from schemas import headers as h
from schemas.errors import Unavailable
from schemas.keys import ApiKey, Credential, check_permissions, hash_api_key, new_api_key, new_key_id
from schemas.message import Emission
from schemas.signing import signing_key
from schemas.wire import encode
from streams.contract.operation import Endpoints
from streams.contract.predicting import SCORED
from streams.gateway.app import create_app
from streams.gateway.keys import Administer
from streams.gateway.pending import Expected, Pending
from streams.gateway.quota import Peek
from streams.settings import Settings
from tests.infra.keys import SEALER, DictStore
from tests.streams.gateway.described import hold

T = TypeVar("T")
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
RATE = {"limit": 1000, "remaining": 7, "reset": 1777636800, "retry_after": 0}


class FakeKeys:
    """A key ring of the keys made here."""

    def __init__(self) -> None:
        self.credentials: dict[str, Credential] = {}

    def new(self, *permissions: str, **more: Any) -> str:
        """A new API key with these permissions."""
        api_key, key_id = new_api_key(test=True), new_key_id()
        key = ApiKey(
            key_id=key_id,
            name="test",
            key_hash=hash_api_key(api_key),
            sealed_signing_key="",
            permissions=check_permissions(permissions),
            created_at=NOW - timedelta(days=1),
            **more,
        )
        self.credentials[api_key] = Credential(key, signing_key(api_key))
        return api_key

    def by_api_key(self, api_key: str) -> Credential | None:
        return self.credentials.get(api_key)

    def line(self, key_id: str) -> str:
        return next((one.key.line for one in self.credentials.values() if one.key.key_id == key_id), key_id)


Scorer = Callable[[Emission, Mapping[str, bytes]], list[tuple[bytes | None, list[tuple[str, bytes]]]]]


@dataclass
class FakeKafka:
    """Takes records, and answers each through `scorer` as the scorer's replies would come; None stays silent."""

    pending: Pending = field(default_factory=lambda: Pending(100))
    scorer: Scorer | None = None
    down: bool = False
    hangs: bool = False
    sent: list[Emission] = field(default_factory=list)

    async def send(self, emissions: Sequence[Emission]) -> None:
        if self.down:
            raise Unavailable("kafka", "broker 10.1.2.3 refused")
        if self.hangs:
            await asyncio.Event().wait()
        self.sent.extend(emissions)
        for emission in emissions:
            if self.scorer is not None and emission.topic == "prediction-requests":
                self.pending.deliver(self.scorer(emission, dict(emission.headers)))

    def expect(self) -> AbstractContextManager[Expected]:
        return self.pending.expect(3)


OF_ALL = ("entity", "degraded", "latency_ms", "requested_at", "scored_at", "schema_version")


def result(request_id: str, status: str = "ok", **more: Any) -> dict[str, Any]:
    """How a request ended, with all that a result has."""
    facts = SCORED if status == "ok" else {name: SCORED[name] for name in OF_ALL}
    return {**facts, "request_id": request_id, "status": status, **more}


def replying(status: str = "ok", rate: Mapping[str, int] | None = RATE, **more: Any) -> Scorer:
    """A scorer that ends every request like this."""

    def scorer(_: Emission, headers: Mapping[str, bytes]) -> list[tuple[bytes | None, list[tuple[str, bytes]]]]:
        body = result(headers[h.REQUEST_ID].decode(), status, **more)
        carried = [(h.REPLY_INSTANCE, headers[h.REPLY_INSTANCE])]
        if rate is not None:
            carried.append((h.RATE_LIMIT, encode(rate)))
        return [(encode(body), carried)]

    return scorer


def administering(store: DictStore) -> Administer:
    """Changes the keys in memory, at once."""
    manager = KeyManager(store, SEALER)

    async def administer(actor: str, work: Callable[[KeyManager], T]) -> T:
        return work(manager.acting(actor))

    return administer


@dataclass
class Gateway:
    """A gateway over fakes, and a client for it."""

    settings: Settings = field(default_factory=lambda: Settings(request_timeout_s=5))
    keys: FakeKeys = field(default_factory=FakeKeys)
    kafka: FakeKafka = field(default_factory=lambda: FakeKafka(scorer=replying()))
    stored: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    reasons: dict[str, str | None] = field(default_factory=dict)
    predictions: Callable[[str], Awaitable[Mapping[str, Any] | None]] | None = None
    peek: Peek | None = None
    administered: DictStore = field(default_factory=DictStore)
    administer: Administer | None = None
    more: Endpoints = field(default_factory=dict)

    def app(self) -> Starlette:
        async def look_up(request_id: str) -> Mapping[str, Any] | None:
            return self.stored.get(request_id)

        return create_app(
            self.settings,
            keys=self.keys,
            producer=self.kafka,
            replies=self.kafka,
            predictions=self.predictions or look_up,
            administer=self.administer or administering(self.administered),
            checks={name: lambda name=name: self.reasons[name] for name in self.reasons},  # type: ignore[misc]
            metrics_text=lambda: b"up 1\n",
            more=self.more,
            peek=self.peek,
            clock=lambda: NOW,
        )

    def client(self, api_key: str | None = None) -> httpx.AsyncClient:
        return self.client_of(self.app(), api_key)

    def client_of(self, app: Starlette, api_key: str | None = None, address: str = "127.0.0.1") -> httpx.AsyncClient:
        headers = {} if api_key is None else {"X-API-Key": api_key}
        transport = httpx.ASGITransport(app, client=(address, 123))
        return httpx.AsyncClient(
            transport=transport, base_url="http://gateway", headers=headers, event_hooks={"response": [hold]}
        )


FEATURES = {"total_orders": 3, "favorite_category": "tools"}
FULL = {"entity": "c-42", "model": "churn", "features": FEATURES}


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


async def post(gateway: Gateway, body: Any, api_key: str | None = None, **headers: str | bytes) -> httpx.Response:
    api_key = api_key or gateway.keys.new("predict")
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = [(name.replace("_", "-").encode(), _bytes(value)) for name, value in headers.items()]
    async with gateway.client(api_key) as client:
        return await client.post("/predict", content=content, headers=named)
