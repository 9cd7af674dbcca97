"""POST /predict over fakes: what is produced."""

from typing import Any

import pytest

from schemas import headers as h
from schemas.request import is_request_id
from schemas.signing import signature
from schemas.wire import decode
from streams.settings import Settings
from tests.streams.gateway.fakes import FEATURES, FULL, NOW, FakeKafka, Gateway, post, replying, result

NOW_MS = int(NOW.timestamp() * 1000)


async def test_the_reply_is_the_response() -> None:
    gateway = Gateway(kafka=FakeKafka(scorer=replying(risk_score=12.5)))
    response = await post(gateway, FULL, Idempotency_Key="order-1")
    assert response.status_code == 200
    assert response.json() == result("order-1", risk_score=12.5)
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


async def test_bare_features_ask_for_an_explanation_by_a_header() -> None:
    gateway = Gateway()
    await post(gateway, FEATURES, X_Explain="true")
    await post(gateway, FEATURES, X_Explain="False")
    await post(gateway, {**FULL, "explain": True})
    asked = [decode(record.value).get("explain") for record in gateway.kafka.sent]
    assert asked == [True, None, True]
    for body, header in ((FEATURES, "perhaps"), (FULL, "true"), ({**FULL, "explain": True}, "false")):
        refused = await post(gateway, body, X_Explain=header)
        assert (refused.status_code, refused.json()["error"]["fields"][0]["field"]) == (422, "X-Explain")
    assert len(gateway.kafka.sent) == 3


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
