"""/keys: what one with `admin` may do over HTTP, and what is said to who asks for the impossible."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from infra.auth import KeyManager
from tests.infra.keys import SEALER
from tests.streams.gateway.fakes import Gateway


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def admin(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client(gateway.keys.new("admin")) as client:
        yield client


def valid(gateway: Gateway, api_key: str) -> bool:
    return KeyManager(gateway.administered, SEALER).validate_key(api_key) is not None


async def made(admin: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await admin.post("/keys", json={"name": "client", **fields})
    assert response.status_code == 201, response.text
    key: dict[str, Any] = response.json()
    return key


@pytest.mark.contract("K2", "K5")
async def test_a_key_is_made_with_all_its_terms_and_shown_in_that_answer_only(
    gateway: Gateway, admin: httpx.AsyncClient
) -> None:
    terms = {"permissions": ["predict", "monitor"], "rate_limit": 500, "burst": 7, "expires_in_days": 2, "tier": "free"}
    response = await admin.post(
        "/keys", json={"name": "client", "owner": "shop", "pooled": True, "test": True, "reason": "why", **terms}
    )
    assert (response.status_code, response.headers["Cache-Control"]) == (201, "no-store")
    key = response.json()
    api_key = key.pop("key")
    assert api_key.startswith("sk_test_")
    assert valid(gateway, api_key)
    assert (key["limit"], key["burst"], key["tier"], key["owner"], key["pooled"]) == (500, 7, "free", "shop", True)
    assert (key["permissions"], key["state"], key["family"]) == (["monitor", "predict"], "valid", key["id"])
    assert response.headers["Location"] == f"/keys/{key['id']}"
    shown, listed = await admin.get(f"/keys/{key['id']}"), await admin.get("/keys")
    assert shown.json() == key
    assert listed.json() == {"keys": [key]}
    stored = gateway.administered.keys[key["id"]]
    for secret in (api_key.removeprefix("sk_test_"), stored.key_hash, stored.sealed_signing_key):
        assert secret not in shown.text + listed.text


async def test_a_key_that_says_nothing_gets_the_defaults(admin: httpx.AsyncClient) -> None:
    key = await made(admin, permissions=None, rate_limit=None)
    assert (key["permissions"], key["limit"], key["burst"], key["expires"]) == (["predict"], 1000, 100, None)


async def test_the_event_names_the_admins_key(gateway: Gateway, admin: httpx.AsyncClient) -> None:
    key = await made(admin, reason="a new shop")
    await admin.delete(f"/keys/{key['id']}", params={"reason": "leaked, as é shows"})
    [credential] = gateway.keys.credentials.values()
    assert [(event.actor, event.action, event.reason) for event in gateway.administered.events] == [
        (credential.key.key_id, "key_created", "a new shop"),
        (credential.key.key_id, "key_revoked", "leaked, as é shows"),
    ]


@pytest.mark.contract("K6")
async def test_a_key_is_revoked_and_a_repetition_says_the_same(gateway: Gateway, admin: httpx.AsyncClient) -> None:
    key = await made(admin)
    first, second = [await admin.delete(f"/keys/{key['id']}") for _ in range(2)]
    assert (first.status_code, first.json()["state"]) == (200, "revoked")
    assert (second.status_code, second.json()) == (200, first.json())
    assert not valid(gateway, key["key"])
    assert len(gateway.administered.events) == 2


@pytest.mark.contract("K6")
@pytest.mark.parametrize(
    ("body", "old_is_valid"),
    [(b"", True), (b"{}", True), (b'{"grace": "2h"}', True), (b'{"grace": "now", "reason": "leaked"}', False)],
)
async def test_a_rotated_key_answers_with_the_new_one(
    gateway: Gateway, admin: httpx.AsyncClient, body: bytes, old_is_valid: bool
) -> None:
    old = await made(admin)
    response = await admin.post(f"/keys/{old['id']}/rotate", content=body)
    assert (response.status_code, response.headers["Cache-Control"]) == (201, "no-store")
    new = response.json()
    assert valid(gateway, new["key"])
    assert valid(gateway, old["key"]) is old_is_valid
    assert (new["family"], gateway.administered.keys[old["id"]].rotated_to) == (old["id"], new["id"])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": None}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": 7}, ["name"]),
        ({"permissions": ["root"]}, ["permissions"]),
        ({"permissions": "admin"}, ["permissions"]),
        ({"rate_limit": 0}, ["rate_limit"]),
        ({"rate_limit": -5}, ["rate_limit"]),
        ({"rate_limit": "10"}, ["rate_limit"]),
        ({"expires_in_days": 0}, ["expires_in_days"]),
        ({"expires_in_days": 1.5}, ["expires_in_days"]),
        ({"tier": "gold"}, ["tier"]),
        ({"tier": {}}, ["tier"]),
        ({"burst": True}, ["burst"]),
        ({"pooled": True}, ["owner"]),
        ({"pooled": "yes", "owner": "shop"}, ["pooled"]),
        ({"reason": 7}, ["reason"]),
        ({"key": "sk_live_mine", "id": 1}, ["id", "key"]),
    ],
)
async def test_a_wrong_field_is_422_by_its_name(
    gateway: Gateway, admin: httpx.AsyncClient, fields: dict[str, Any], named: list[str]
) -> None:
    response = await admin.post("/keys", json={"name": "client", **fields})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (422, "invalid_request")
    assert [field["field"] for field in error["fields"]] == named
    assert gateway.administered.keys == {}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty"),
        (b"{", 400, "not_json"),
        (b"[]", 422, "invalid_request"),
        (b'{"name": "%s"}' % (b"x" * 17_000), 413, "too_large"),
    ],
)
async def test_a_body_that_is_no_object_is_refused(
    admin: httpx.AsyncClient, body: bytes, status: int, code: str
) -> None:
    response = await admin.post("/keys", content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("body", [{"grace": "soon"}, {"grace": 24}, {"grace": "-1h"}, {"until": "now"}])
async def test_a_wrong_rotation_is_422_by_its_field(
    gateway: Gateway, admin: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    key = await made(admin)
    response = await admin.post(f"/keys/{key['id']}/rotate", json=body)
    assert response.status_code == 422
    assert [field["field"] for field in response.json()["error"]["fields"]] == list(body)
    assert len(gateway.administered.keys) == 1


@pytest.mark.parametrize(
    ("query", "named"),
    [("reason=" + "x" * 501, "reason"), ("reason=a%00", "reason"), ("reason=a&reason=b", "reason"), ("why=a", "why")],
)
async def test_a_wrong_reason_of_a_revocation_is_422_and_revokes_nothing(
    gateway: Gateway, admin: httpx.AsyncClient, query: str, named: str
) -> None:
    key = await made(admin)
    response = await admin.delete(f"/keys/{key['id']}?{query}")
    assert response.status_code == 422
    assert [field["field"] for field in response.json()["error"]["fields"]] == [named]
    assert valid(gateway, key["key"])


async def test_an_ended_key_is_not_rotated(admin: httpx.AsyncClient) -> None:
    key = await made(admin)
    await admin.delete(f"/keys/{key['id']}")
    response = await admin.post(f"/keys/{key['id']}/rotate")
    assert response.status_code == 422
    assert response.json()["error"]["message"].startswith("key_id: must be of a key in force, this one is revoked")


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/rotate")])
@pytest.mark.parametrize("key_id", ["AAAAAAAAAAA", "x", "%00", "é" * 50])
async def test_an_unknown_id_is_404(admin: httpx.AsyncClient, method: str, path: str, key_id: str) -> None:
    response = await admin.request(method, f"/keys/{key_id}{path}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


async def test_other_methods_are_405(admin: httpx.AsyncClient) -> None:
    for method, path in (
        ("PUT", "/keys"),
        ("DELETE", "/keys"),
        ("POST", "/keys/AAAAAAAAAAA"),
        ("GET", "/keys/x/rotate"),
    ):
        assert (await admin.request(method, path)).status_code == 405
