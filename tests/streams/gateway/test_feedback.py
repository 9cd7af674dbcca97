"""POST /feedback and GET /predictions over fakes."""

from typing import Any

import pytest

from schemas import headers as h
from schemas.errors import Unavailable
from tests.streams.gateway.fakes import FakeKafka, Gateway, result


async def test_a_label_goes_to_the_feedback_topic_under_the_request_id_signed() -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/feedback", json={"request_id": "r-1", "label": 1})
    assert response.status_code == 202
    [record] = gateway.kafka.sent
    assert (record.topic, record.key, record.value) == ("feedback", b"r-1", b'{"request_id":"r-1","label":1}')
    assert {h.KEY_ID, h.SIGNATURE} <= dict(record.headers).keys()


@pytest.mark.contract("F1")
@pytest.mark.parametrize("label", ["NaN", "Infinity", "1e400", "1.0", '"1"', "null", "10000000000000000000000"])
async def test_a_label_that_is_neither_0_nor_1_is_refused_by_name(label: str) -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/feedback", content=f'{{"request_id": "r-1", "label": {label}}}'.encode())
    assert response.status_code == 422
    [wrong] = response.json()["error"]["fields"]
    assert wrong["field"] == "label"
    assert wrong["reason"].startswith("must be 0 or 1")
    assert gateway.kafka.sent == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"request_id": "r-1"}, "label"),
        ({"request_id": "r-1", "label": 2}, "label"),
        ({"request_id": "r-1", "label": True}, "label"),
        ({"request_id": "r 1", "label": 1}, "request_id"),
        ({"request_id": "r-1", "label": 1, "more": 1}, "more"),
        ([], "body"),
    ],
)
async def test_feedback_of_another_form_names_the_field(body: Any, field: str) -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/feedback", json=body)
    assert response.status_code == 422
    assert response.json()["error"]["fields"][0]["field"] == field
    assert gateway.kafka.sent == []


@pytest.mark.parametrize("size", [17_000, 10_000_000])
async def test_a_large_feedback_is_413(size: int) -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        assert (await client.post("/feedback", content=b" " * size)).status_code == 413


async def test_feedback_without_a_broker_is_503() -> None:
    gateway = Gateway(kafka=FakeKafka(down=True))
    async with gateway.client(gateway.keys.new("predict")) as client:
        assert (await client.post("/feedback", json={"request_id": "r", "label": 1})).status_code == 503


@pytest.mark.contract("K5")
async def test_only_ones_own_predictions_are_found() -> None:
    gateway = Gateway()
    mine, other = gateway.keys.new("predict"), gateway.keys.new("predict")
    key_id = gateway.keys.credentials[mine].key.key_id
    gateway.stored["a/b"] = {**result("a/b"), "key_id": key_id}
    async with gateway.client(mine) as client:
        own = await client.get("/predictions/a/b")
        unknown = await client.get("/predictions/zzz")
    async with gateway.client(other) as client:
        others = await client.get("/predictions/a/b")
    assert own.json() == result("a/b")
    assert (unknown.status_code, others.status_code) == (404, 404)


@pytest.mark.contract("K6")
async def test_what_a_key_asked_for_is_found_by_those_that_rotation_put_in_its_place() -> None:
    gateway = Gateway()
    first = gateway.keys.new("predict")
    key_id = gateway.keys.credentials[first].key.key_id
    second, third = (gateway.keys.new("predict", family=key_id) for _ in range(2))
    asked = {key: gateway.keys.credentials[key].key.key_id for key in (first, second)}
    gateway.stored.update({name: {**result(name), "key_id": by} for name, by in zip("ab", asked.values(), strict=True)})
    for api_key in (first, second, third):
        async with gateway.client(api_key) as client:
            assert [(await client.get(f"/predictions/{name}")).status_code for name in "ab"] == [200, 200]


@pytest.mark.contract("K6")
async def test_what_is_underway_is_owed_to_every_key_of_the_line() -> None:
    gateway = Gateway(kafka=FakeKafka())
    first = gateway.keys.new("predict")
    second, third = (gateway.keys.new("predict", family=gateway.keys.credentials[first].key.key_id) for _ in "23")
    async with gateway.client(second) as client:
        headers = {"Prefer": "respond-async", "Idempotency-Key": "slow"}
        assert (await client.post("/predict", json={"entity": "c", "features": {}}, headers=headers)).status_code == 202
        for api_key in (first, second, third):
            client.headers["X-API-Key"] = api_key
            assert (await client.get("/predictions/slow")).status_code == 202


async def test_an_accepted_request_is_pending_until_it_is_stored() -> None:
    gateway = Gateway(kafka=FakeKafka())
    api_key, other = gateway.keys.new("predict"), gateway.keys.new("predict")
    async with gateway.client(api_key) as client:
        body = {"entity": "c", "features": {}}
        headers = {"Prefer": "respond-async", "Idempotency-Key": "later"}
        location = (await client.post("/predict", json=body, headers=headers)).headers["Location"]
        pending = await client.get(location)
        theirs = await client.get(location, headers={"X-API-Key": other})
        key_id = gateway.keys.credentials[api_key].key.key_id
        gateway.stored["later"] = {**result("later"), "key_id": key_id}
        done = await client.get(location)
    assert (pending.status_code, theirs.status_code, done.status_code) == (202, 404, 200)


async def test_a_store_that_is_away_is_503() -> None:
    async def away(_: str) -> None:
        raise Unavailable("postgres", "host db-1 does not answer")

    gateway = Gateway(predictions=away)
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.get("/predictions/x")
    assert response.status_code == 503
    assert "db-1" not in response.text
