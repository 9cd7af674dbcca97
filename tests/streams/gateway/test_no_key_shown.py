"""Who puts a key where something else is wanted is refused, and nothing repeats or keeps it."""

from typing import Any

import pytest

from schemas.keys import new_api_key
from tests.streams.gateway.fakes import FEATURES, FULL, Gateway, post

KEY = new_api_key()


def shows(*texts: object) -> list[str]:
    """Parts of the key that stand in these."""
    text = " ".join(map(repr, texts))
    return [KEY[at : at + 8] for at in range(8, 43, 5) if KEY[at : at + 8] in text]


@pytest.mark.contract("K2")
@pytest.mark.parametrize(
    "body",
    [
        {"key": KEY},
        {KEY: 1},
        {"name": ["a", KEY]},
        {"name": "a", "permissions": [KEY]},
        {"name": "a", "permissions": KEY},
        {"name": "a", "tier": KEY},
        {"name": "a", "expires_in_days": KEY},
        {"name": "a", "rate_limit": KEY},
        KEY,
    ],
    ids=lambda body: "",
)
async def test_terms_of_a_new_key_are_refused_without_repeating_a_key(body: Any) -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("admin")) as client:
        response = await client.post("/keys", json=body)
    assert response.status_code == 422
    assert "sk_live_…" in response.text
    assert not shows(response.text, response.headers)


@pytest.mark.contract("K2")
async def test_a_key_in_place_of_its_id_is_not_found_and_not_repeated() -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("admin", "predict")) as client:
        answers = [
            await client.get(f"/keys/{KEY}"),
            await client.delete(f"/keys/{KEY}"),
            await client.post(f"/keys/{KEY}/rotate"),
            await client.get(f"/predictions/{KEY}"),
            await client.get(f"/{KEY}"),
        ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert not [answer.text for answer in answers if shows(answer.text, answer.headers)]


@pytest.mark.contract("K2")
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (FULL, {"Idempotency_Key": KEY}),
        (FULL, {"X_Request_Id": KEY}),
        (FEATURES, {"X_Entity_Id": KEY}),
        ({**FULL, "entity": KEY}, {}),
        ({**FULL, "entity": f"user of {KEY}"}, {}),
        (FULL, {"X_Entity_Id": KEY}),
        (FULL, {"X_Timeout_Ms": KEY}),
    ],
    ids=lambda given: "",
)
async def test_what_would_be_shown_and_kept_is_no_key(body: Any, headers: dict[str, str]) -> None:
    gateway = Gateway()
    response = await post(gateway, body, **headers)
    assert response.status_code == 422
    assert gateway.kafka.sent == []
    assert not shows(response.text, response.headers)


@pytest.mark.contract("K2")
@pytest.mark.parametrize("field", ["request_id", "source", "label", pytest.param(KEY, id="a field of that name")])
async def test_a_label_with_a_key_in_it_is_not_kept(field: str) -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/feedback", json={"request_id": "r-1", "label": 1, field: KEY})
    assert response.status_code == 422
    assert gateway.kafka.sent == []
    assert not shows(response.text, response.headers)
