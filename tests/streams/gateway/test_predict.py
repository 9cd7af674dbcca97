"""POST /predict over fakes."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from schemas import headers as h
from schemas.request import is_request_id
from schemas.signing import signature
from schemas.wire import decode
from streams.gateway.pending import Pending
from streams.settings import Settings
from tests.streams.gateway.fakes import NOW, RATE, FakeKafka, Gateway, replying

FEATURES = {"total_orders": 3, "favorite_category": "tools"}
FULL = {"entity": "c-42", "model": "churn", "features": FEATURES}
NOW_MS = int(NOW.timestamp() * 1000)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


async def post(gateway: Gateway, body: Any, api_key: str | None = None, **headers: str | bytes) -> httpx.Response:
    api_key = api_key or gateway.keys.new("predict")
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = [(name.replace("_", "-").encode(), _bytes(value)) for name, value in headers.items()]
    async with gateway.client(api_key) as client:
        return await client.post("/predict", content=content, headers=named)


async def test_the_reply_is_the_response() -> None:
    gateway = Gateway(kafka=FakeKafka(scorer=replying(risk_score=12.5)))
    response = await post(gateway, FULL, Idempotency_Key="order-1")
    assert response.status_code == 200
    assert response.json() == {"request_id": "order-1", "status": "ok", "risk_score": 12.5}
    assert response.headers["X-Request-Id"] == "order-1"
    assert len(gateway.kafka.pending) == 0


@pytest.mark.contract("K8")
async def test_the_bytes_that_came_are_the_bytes_signed_and_produced() -> None:
    gateway = Gateway()
    api_key = gateway.keys.new("predict")
    body = b'{ "entity" : "c-42", "features":{"total_orders":3.0} }'
    await post(gateway, body, api_key, Idempotency_Key="r-1")
    [record] = gateway.kafka.sent
    headers = dict(record.headers)
    assert (record.topic, record.key, record.value) == ("prediction-requests", b"c-42", body)
    credential = gateway.keys.credentials[api_key]
    assert headers[h.SIGNATURE] == signature(
        credential.signing_key,
        topic="prediction-requests",
        request_id=b"r-1",
        record_key=b"c-42",
        signed_at=b"%d" % NOW_MS,
        body=body,
    )
    assert headers[h.KEY_ID].decode() == credential.key.key_id


@pytest.mark.contract("K2")
async def test_the_api_key_is_nowhere_in_the_record() -> None:
    gateway = Gateway()
    api_key = gateway.keys.new("predict")
    await post(gateway, FULL, api_key)
    assert api_key not in repr(gateway.kafka.sent)


async def test_the_record_says_where_and_until_when_the_reply_is_waited_for() -> None:
    gateway = Gateway()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await post(gateway, FULL, traceparent=trace, X_Timeout_Ms="1500")
    headers = dict(gateway.kafka.sent[0].headers)
    assert headers[h.DEADLINE] == b"%d" % (NOW_MS + 1500)
    assert headers[h.REPLY_PARTITION] == b"3"
    assert headers[h.REPLY_INSTANCE].decode().startswith(gateway.kafka.pending.instance)
    assert headers[h.TRACEPARENT].decode() == trace
    assert headers[h.SCHEMA_VERSION] == b"1"


async def test_a_longer_wait_than_allowed_is_cut() -> None:
    gateway = Gateway(settings=Settings(request_timeout_s=2))
    await post(gateway, FULL, X_Timeout_Ms="999999")
    assert dict(gateway.kafka.sent[0].headers)[h.DEADLINE] == b"%d" % (NOW_MS + 2000)


async def test_bare_features_are_wrapped_and_take_their_entity_from_the_header() -> None:
    gateway = Gateway()
    await post(gateway, FEATURES, X_Entity_Id="kunde-ü".encode())
    [record] = gateway.kafka.sent
    assert record.key is not None
    assert record.key.decode() == "kunde-ü"
    assert decode(record.value) == {"features": FEATURES}


async def test_without_any_entity_the_request_id_is_one() -> None:
    gateway = Gateway()
    response = await post(gateway, FEATURES)
    [record] = gateway.kafka.sent
    assert record.key == response.headers["X-Request-Id"].encode()
    assert is_request_id(record.key)


async def test_x_request_id_names_the_request_and_the_idempotency_key_goes_first() -> None:
    gateway = Gateway()
    one = await post(gateway, FULL, X_Request_Id="x")
    both = await post(gateway, FULL, X_Request_Id="x", Idempotency_Key="i")
    assert (one.headers["X-Request-Id"], both.headers["X-Request-Id"]) == ("x", "i")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (FULL, {"Idempotency_Key": "two words"}),
        (FULL, {"Idempotency_Key": "x" * 129}),
        (FULL, {"X_Entity_Id": "c-43"}),
        (FULL, {"X_Timeout_Ms": "soon"}),
        (FULL, {"X_Timeout_Ms": "0"}),
        ({"entity": "", "features": {}}, {}),
        ({"entity": "a\nb", "features": {}}, {}),
        ({"entity": 7, "features": {}}, {}),
        (b'{"entity": "\\ud800", "features": {}}', {}),
    ],
)
async def test_a_request_that_cannot_be_keyed_names_the_field(body: Any, headers: dict[str, str]) -> None:
    gateway = Gateway()
    response = await post(gateway, body, **headers)
    assert response.status_code == 422
    assert response.json()["error"]["fields"][0]["field"] in (
        "entity",
        *(n.replace("_", "-") for n in headers),
    )
    assert gateway.kafka.sent == []


@pytest.mark.contract("R3")
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"features": "' + b"x" * 1024 * 1024 + b'"}', 413, "too_large"),
        (b'{"a": "' + b"x" * (1024 * 1024 - 10) + b'"}', 413, "too_large"),
        (b'{"features": ' + b"[" * 32 + b"]" * 32 + b"}", 400, "too_deep"),
        (b"[" * 500_000, 400, "too_deep"),
        (b"", 400, "empty"),
        (b"{", 400, "not_json"),
        (b"\xff", 400, "not_json"),
    ],
)
async def test_a_body_past_its_limits_is_refused_and_not_produced(body: bytes, status: int, code: str) -> None:
    gateway = Gateway()
    response = await post(gateway, body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert gateway.kafka.sent == []


@pytest.mark.contract("R3")
async def test_a_body_is_refused_while_it_streams_in() -> None:
    gateway = Gateway()
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 64 * 1024

    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/predict", content=endless())
    assert response.status_code == 413
    assert taken <= 18


@pytest.mark.contract("R3")
@pytest.mark.parametrize("extra", [{f"X-H{i}": "v" for i in range(40)}, {"X-Long": "v" * 16 * 1024}])
async def test_too_many_or_too_long_headers_are_refused(extra: dict[str, str]) -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/predict", json=FULL, headers=extra)
    assert (response.status_code, response.json()["error"]["code"]) == (431, "headers_too_large")


@pytest.mark.contract("R6")
@pytest.mark.parametrize(
    ("status", "http"),
    [
        ("ok", 200),
        ("unauthorized", 401),
        ("forbidden", 403),
        ("invalid", 422),
        ("rate_limited", 429),
        ("expired", 504),
        ("error", 500),
    ],
)
async def test_each_terminal_status_has_its_http_status(status: str, http: int) -> None:
    error = {"code": status, "message": "m"} if status != "ok" else None
    gateway = Gateway(kafka=FakeKafka(scorer=replying(status, error=error)))
    response = await post(gateway, FULL, Idempotency_Key="r-1")
    assert response.status_code == http
    if status != "ok":
        assert response.json()["error"]["request_id"] == "r-1"


async def test_offending_fields_and_error_ids_reach_the_caller() -> None:
    fields = [{"field": "total_orders", "reason": "must be 0 or more", "got": "integer -1"}]
    error = {"code": "invalid_request", "message": "1 field", "fields": fields}
    gateway = Gateway(kafka=FakeKafka(scorer=replying("invalid", error=error)))
    assert (await post(gateway, FULL)).json()["error"]["fields"] == fields
    gateway.kafka.scorer = replying("error", error={"code": "internal", "message": "m", "error_id": "e1"})
    assert (await post(gateway, FULL)).json()["error"]["error_id"] == "e1"


@pytest.mark.contract("B5")
async def test_the_buckets_state_stands_on_every_charged_response() -> None:
    gateway = Gateway()
    for status in ("ok", "invalid", "expired", "error"):
        gateway.kafka.scorer = replying(status, error={"code": status, "message": "m"})
        headers = (await post(gateway, FULL)).headers
        assert headers["X-RateLimit-Limit"] == "1000"
        assert headers["X-RateLimit-Remaining"] == "7"
        assert headers["X-RateLimit-Reset"] == str(RATE["reset"])
        assert "Retry-After" not in headers


@pytest.mark.contract("B5")
async def test_a_denied_caller_is_told_when_to_come_back() -> None:
    rate = RATE | {"remaining": 0, "retry_after": 4}
    gateway = Gateway(kafka=FakeKafka(scorer=replying("rate_limited", rate, error={"code": "c", "message": "m"})))
    response = await post(gateway, FULL)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "4")


async def test_no_reply_in_time_is_504_and_the_place_to_ask_later_says_pending() -> None:
    gateway = Gateway(kafka=FakeKafka())
    api_key = gateway.keys.new("predict")
    async with gateway.client(api_key) as client:
        headers = {"X-Timeout-Ms": "20", "Idempotency-Key": "slow"}
        response = await client.post("/predict", json=FULL, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (504, "no_reply")
        assert (await client.get("/predictions/slow")).status_code == 202
    assert len(gateway.kafka.pending) == 0


@pytest.mark.parametrize("kafka", [FakeKafka(down=True), FakeKafka(hangs=True)])
async def test_a_broker_that_does_not_take_the_record_is_503_and_not_described(kafka: FakeKafka) -> None:
    response = await post(Gateway(kafka=kafka), FULL, X_Timeout_Ms="30")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert "10.1.2.3" not in response.text
    assert len(kafka.pending) == 0


async def test_more_waiting_requests_than_allowed_are_503() -> None:
    gateway = Gateway(kafka=FakeKafka(pending=Pending(0)))
    response = await post(gateway, FULL)
    assert (response.status_code, gateway.kafka.sent) == (503, [])


async def test_respond_async_is_202_with_the_results_address_once_delivered() -> None:
    gateway = Gateway(kafka=FakeKafka())
    response = await post(gateway, FULL, Prefer="wait=5, Respond-Async", Idempotency_Key="a/b")
    assert response.status_code == 202
    assert response.headers["Location"] == "/predictions/a/b"
    assert response.headers["Preference-Applied"] == "respond-async"
    [record] = gateway.kafka.sent
    assert not {h.REPLY_PARTITION, h.REPLY_INSTANCE, h.DEADLINE} & dict(record.headers).keys()


async def test_respond_async_without_a_broker_is_503() -> None:
    gateway = Gateway(kafka=FakeKafka(down=True))
    assert (await post(gateway, FULL, Prefer="respond-async")).status_code == 503


async def test_a_caller_who_hangs_up_frees_the_entry() -> None:
    gateway = Gateway(kafka=FakeKafka())
    api_key = gateway.keys.new("predict")
    hung_up = asyncio.Event()
    messages = [{"type": "http.request", "body": json.dumps(FULL).encode()}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pass

    scope = {
        "type": "http", "method": "POST", "path": "/predict", "query_string": b"", "root_path": "",
        "headers": [(b"x-api-key", api_key.encode())],
    }  # fmt: skip
    calling = asyncio.create_task(gateway.app()(scope, receive, send))
    while not gateway.kafka.sent:
        await asyncio.sleep(0)
    assert len(gateway.kafka.pending) == 1
    hung_up.set()
    await asyncio.wait_for(calling, 2)
    assert len(gateway.kafka.pending) == 0


async def test_two_callers_with_one_request_id_each_get_their_own_reply() -> None:
    gateway = Gateway(kafka=FakeKafka())
    sent = gateway.kafka.sent
    calls = [asyncio.create_task(post(gateway, FULL, Idempotency_Key="same")) for _ in range(2)]
    while len(sent) < 2:
        await asyncio.sleep(0)
    for number, record in enumerate(sent):
        scorer = replying(risk_score=number)
        gateway.kafka.pending.deliver(scorer(record, dict(record.headers)))
    assert [(await call).json()["risk_score"] for call in calls] == [0, 1]


@pytest.mark.contract("R6")
async def test_a_bug_is_an_error_id_and_not_its_text(caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway(kafka=FakeKafka(scorer=replying("ok")))

    def broken(*_: Any) -> Any:
        raise RuntimeError("secret detail")

    gateway.kafka.scorer = broken
    response = await post(gateway, FULL)
    assert response.status_code == 500
    assert "secret detail" not in response.text
    [record] = caplog.records
    assert record.data["error_id"] == response.json()["error"]["error_id"]  # type: ignore[attr-defined]
