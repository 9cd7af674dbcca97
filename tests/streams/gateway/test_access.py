"""Who gets in: keys, permissions, and what is said to those who do not."""

from datetime import timedelta

import httpx
import pytest

from schemas.errors import Unavailable
from schemas.keys import Credential, new_api_key
from streams.settings import Settings
from tests.streams.gateway.fakes import NOW, FakeKeys, Gateway

ROUTES = [
    ("POST", "/predict"),
    ("GET", "/predictions/x"),
    ("POST", "/feedback"),
    ("GET", "/metrics"),
    ("GET", "/unknown"),
    ("GET", "/keys"),
    ("POST", "/keys"),
    ("GET", "/keys/AAAAAAAAAAA"),
    ("DELETE", "/keys/AAAAAAAAAAA"),
    ("POST", "/keys/AAAAAAAAAAA/rotate"),
    ("DELETE", "/predict"),
    ("GET", "/"),
    ("GET", "/healthz/"),
    ("GET", "//healthz"),
]


@pytest.mark.contract("K4")
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_but_health_is_401_without_a_key(method: str, path: str) -> None:
    async with Gateway().client() as client:
        response = await client.request(method, path)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "ApiKey"


@pytest.mark.contract("K4")
async def test_missing_malformed_unknown_revoked_and_expired_keys_look_alike() -> None:
    gateway = Gateway()
    shown = [
        None,
        "",
        "nonsense",
        new_api_key(),
        gateway.keys.new("predict", revoked_at=NOW),
        gateway.keys.new("predict", expires_at=NOW - timedelta(microseconds=1)),
    ]
    answers = set()
    for api_key in shown:
        async with gateway.client(api_key) as client:
            response = await client.post("/predict", json={})
        answers.add((response.status_code, response.text, response.headers["WWW-Authenticate"]))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401


@pytest.mark.contract("K4")
async def test_a_key_is_valid_at_its_expiry_instant() -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict", expires_at=NOW)) as client:
        response = await client.post("/predict", json={"entity": "c", "features": {}})
    assert response.status_code == 200


@pytest.mark.contract("K4", "K5")
@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/predict", "predict"),
        ("GET", "/predictions/x", "predict"),
        ("POST", "/feedback", "predict"),
        ("GET", "/metrics", "monitor"),
        ("GET", "/keys", "admin"),
        ("POST", "/keys", "admin"),
        ("GET", "/keys/AAAAAAAAAAA", "admin"),
        ("DELETE", "/keys/AAAAAAAAAAA", "admin"),
        ("POST", "/keys/AAAAAAAAAAA/rotate", "admin"),
    ],
)
async def test_a_valid_key_without_the_permission_is_403_and_admin_implies_nothing(
    method: str, path: str, needed: str
) -> None:
    gateway = Gateway()
    others = {"predict", "monitor", "admin"} - {needed}
    async with gateway.client(gateway.keys.new(*others)) as client:
        response = await client.request(method, path)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "forbidden"
    assert needed in response.json()["error"]["message"]


async def test_two_keys_in_one_request_are_none() -> None:
    gateway = Gateway()
    keys = [("X-API-Key", gateway.keys.new("predict")) for _ in range(2)]
    async with gateway.client() as client:
        assert (await client.post("/predict", headers=keys)).status_code == 401


async def test_health_needs_no_key() -> None:
    async with Gateway().client() as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200


async def test_not_ready_says_why() -> None:
    gateway = Gateway(reasons={"keys": None, "replies": "the reply reader has died"})
    async with gateway.client() as client:
        response = await client.get("/readyz")
        gateway.reasons["replies"] = None
        again = await client.get("/readyz")
    assert (response.status_code, again.status_code) == (503, 200)
    assert response.json()["error"]["reasons"] == {"replies": "the reply reader has died"}


async def test_metrics_answer_monitor_keys_and_everyone_where_public() -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("monitor")) as client:
        assert (await client.get("/metrics")).text == "up 1\n"
    async with Gateway(settings=Settings(metrics_public=True)).client() as client:
        assert (await client.get("/metrics")).status_code == 200


async def test_errors_of_routing_are_json_too() -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        unknown, wrong = await client.get("/nowhere"), await client.get("/predict")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"


async def test_no_response_may_be_cached_or_sniffed() -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        responses: list[httpx.Response] = [await client.get("/nowhere"), await client.get("/healthz")]
    for response in responses:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_keys_that_are_not_read_yet_are_503_not_401() -> None:

    class Unread(FakeKeys):
        def by_api_key(self, api_key: str) -> Credential | None:
            raise Unavailable("kafka", "the keys are not read yet")

    gateway = Gateway()
    api_key = gateway.keys.new("predict")
    gateway.keys = Unread()
    async with gateway.client(api_key) as client:
        assert (await client.post("/predict", json={})).status_code == 503
