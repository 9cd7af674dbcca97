"""POST /predict over fakes: what is answered."""

import asyncio
import json
from typing import Any

import pytest

from schemas import headers as h
from streams.gateway.pending import Pending
from tests.streams.gateway.fakes import FULL, RATE, FakeKafka, Gateway, post, replying


@pytest.mark.contract("R6")
@pytest.mark.parametrize(
    ("status", "http"),
    [
        ("ok", 200),
        ("unauthorized", 503),
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


async def test_more_rows_than_the_bucket_ever_holds_are_413_and_say_what_to_do() -> None:
    fields = [{"field": "rows", "reason": "must be at most 3 for this key", "got": "array of 4"}]
    error = {"code": "too_many_rows", "message": "send at most 3 rows at once", "fields": fields}
    gateway = Gateway(kafka=FakeKafka(scorer=replying("invalid", rate=None, error=error)))
    response = await post(gateway, FULL, Idempotency_Key="r-1")
    assert response.status_code == 413
    assert response.json() == {"error": {**error, "request_id": "r-1"}}
    assert "Retry-After" not in response.headers


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
