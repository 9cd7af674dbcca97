"""A scorer refuses what the gateway let in and signed: its caller needs no other key, its operator is told."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.requests import Request

from schemas.message import Emission
from streams.gateway.unverified import LOGGED_EVERY_S, Unverified
from tests.streams.gateway.fakes import FULL, NOW, FakeKafka, FakeKeys, Gateway, post, replying

DOUBTED = {"error": {"code": "unauthorized", "message": "the key or the signature is not valid"}}


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [line for line in caplog.records if line.levelno == logging.WARNING]


def doubted() -> Gateway:
    return Gateway(kafka=FakeKafka(scorer=replying("unauthorized", rate=None, **DOUBTED)))


@pytest.mark.contract("K4")
async def test_a_caller_whose_key_is_in_force_is_told_to_retry_and_the_operator_what_to_look_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = doubted()
    api_key = gateway.keys.new("predict")
    response = await post(gateway, FULL, api_key, Idempotency_Key="r-1")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json()["error"]["code"] == "unavailable"
    assert response.json()["error"]["request_id"] == response.headers["X-Request-Id"] == "r-1"
    assert "WWW-Authenticate" not in response.headers
    [line] = warnings(caplog)
    assert "api-keys" in line.getMessage()
    key_id = gateway.keys.credentials[api_key].key.key_id
    assert line.__dict__["data"] == {"request_id": "r-1", "key_id": key_id, "refused": 1}
    assert api_key not in caplog.text + str(line.__dict__)


@pytest.mark.contract("K4")
@pytest.mark.parametrize("end", ["revoked", "expired", "removed"])
async def test_a_key_that_ended_while_its_request_was_on_its_way_is_401(
    end: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = doubted()
    api_key = gateway.keys.new("predict")
    refuse = gateway.kafka.scorer
    assert refuse is not None

    def ended_meanwhile(emission: Emission, headers: object) -> list[tuple[bytes | None, list[tuple[str, bytes]]]]:
        credential = gateway.keys.credentials.pop(api_key)
        changes = {"revoked": {"revoked_at": NOW}, "expired": {"expires_at": NOW - timedelta(microseconds=1)}}
        if end in changes:
            key = credential.key.model_copy(update=changes[end])
            gateway.keys.credentials[api_key] = replace(credential, key=key)
        return refuse(emission, headers)  # type: ignore[arg-type]

    gateway.kafka.scorer = ended_meanwhile
    response = await post(gateway, FULL, api_key)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "ApiKey")
    assert warnings(caplog) == []


def test_the_log_has_one_line_a_minute_with_how_many_there_were(caplog: pytest.LogCaptureFixture) -> None:
    keys, moment = FakeKeys(), [1000.0]
    api_key = keys.new("predict")
    request = Request({"type": "http", "headers": [(b"x-api-key", api_key.encode())]})
    unverified = Unverified(keys, lambda: NOW, lambda: moment[0])
    for at in (0.0, 1.0, LOGGED_EVERY_S - 0.1, LOGGED_EVERY_S, LOGGED_EVERY_S + 1):
        moment[0] = 1000 + at
        assert unverified.answer(request, "r-1").status_code == 503
    assert [line.__dict__["data"]["refused"] for line in warnings(caplog)] == [1, 3]
