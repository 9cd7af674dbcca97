"""The description of the routes is good OpenAPI, and is what the gateway does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator.schemas import schema_v31

from streams.contract.openapi import described, openapi
from streams.contract.operation import Operation
from streams.contract.operations import OPERATIONS
from streams.contract.predicting import FEEDBACK
from streams.gateway.drift import drift_routes
from streams.gateway.live import LiveTopic
from streams.gateway.router import router_routes
from tests.streams.gateway.described import schema_of
from tests.streams.gateway.fakes import NOW, Gateway
from tests.streams.gateway.test_drift import Kept
from tests.streams.gateway.test_router import V1, V2, Control, ControlState, then

GUARDED = [one for one in OPERATIONS if one.permission]
PERMISSIONS = ["predict", "monitor", "admin"]


def every_route() -> Gateway:
    """A gateway with every route."""
    entries = {entry.key: entry for entry in (V1, V2)}
    control = Control(ControlState(routes={"churn": then(then(None, "v1"), "v2")}, entries=entries))
    gateway = Gateway()
    gateway.more = {
        **router_routes(control, control.give, control.count, control.compare),
        **drift_routes(Kept(), LiveTopic({}, "t"), gateway.keys, lambda: NOW),
    }
    return gateway


@pytest.fixture
def gateway() -> Gateway:
    return every_route()


def test_it_is_good_openapi() -> None:
    assert [error.message for error in Draft202012Validator(schema_v31).iter_errors(openapi())] == []


def test_every_operation_has_a_name_of_its_own_and_every_reference_leads_somewhere() -> None:
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    for reference in references(openapi()):
        found: Any = openapi()
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        yield from (value for name, value in document.items() if name == "$ref")
    for each in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from references(each)


def test_every_example_is_good() -> None:
    told = 0
    for media, said in contents(openapi()):
        if "example" in said and media == "application/json":
            wrong = [error.message for error in schema_of(said["schema"]).iter_errors(said["example"])]
            assert wrong == [], said["example"]
            told += 1
    assert told > 15


def contents(document: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        yield from document.get("content", {}).items()
    for each in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from contents(each)


async def test_an_app_describes_the_routes_that_it_has_and_no_others(gateway: Gateway) -> None:
    async with gateway.client() as client:
        assert (await client.get("/openapi.json")).json() == openapi()
    async with Gateway().client() as client:
        few = (await client.get("/openapi.json")).json()
    assert "/router" not in few["paths"]
    assert few["paths"].items() <= openapi()["paths"].items()


def test_a_route_that_is_not_described_is_none_of_the_apps(gateway: Gateway) -> None:
    found = {
        (method, getattr(route, "path", None))
        for route in gateway.app().routes
        for method in (getattr(route, "methods", None) or {"?"}) - {"HEAD"}
    }
    assert found == {(one.method, one.path) for one in OPERATIONS}


def path_of(operation: Operation) -> str:
    return operation.template.replace("{key_id}", "x" * 11).replace("{name}", "churn").replace("{event_id}", "e-1")


@pytest.mark.contract("K4", "K5")
@pytest.mark.parametrize("operation", GUARDED, ids=lambda one: one.name)
async def test_a_route_asks_for_the_permission_that_it_is_described_with(
    gateway: Gateway, operation: Operation
) -> None:
    path, statuses = path_of(operation), {}
    for permission in PERMISSIONS:
        async with gateway.client(gateway.keys.new(permission)) as client:
            method = "HEAD" if operation.method == "GET" else operation.method
            statuses[permission] = (await client.request(method, path)).status_code
    assert {one for one in PERMISSIONS if statuses[one] != 403} == {operation.permission}, statuses
    async with gateway.client() as client:
        assert (await client.request(operation.method, path)).status_code == 401


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one not in GUARDED], ids=lambda one: one.name)
async def test_a_route_that_asks_for_no_key_answers_without_one(gateway: Gateway, operation: Operation) -> None:
    async with gateway.client() as client:
        response = await client.get(operation.path)
    assert response.status_code == 200
    assert not any(name.startswith("x-ratelimit") for name in response.headers)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body], ids=lambda one: one.name)
async def test_the_example_of_a_body_is_taken_and_one_with_another_field_is_not(
    gateway: Gateway, operation: Operation
) -> None:
    assert operation.body is not None
    path = path_of(operation).replace("x" * 11, await made(gateway))
    async with gateway.client(gateway.keys.new(str(operation.permission))) as client:
        for media, example in operation.body.examples.items():
            is_json = media == "application/json"
            content = json.dumps(example) if is_json else example
            answer = await client.request(operation.method, path, content=content, headers={"Content-Type": media})
            assert answer.is_success, answer.text
            if is_json and operation.name != "predict":  # what features there are is the model's, and the scorer's
                wrong = await client.request(operation.method, path, json={**example, "hurry": 1})
                assert wrong.status_code == 422
                assert "hurry" in wrong.text


async def made(gateway: Gateway) -> str:
    """The id of a key that the gateway's administration knows."""
    async with gateway.client(gateway.keys.new("admin")) as client:
        return str((await client.post("/keys", json={"name": "made"})).json()["id"])


def test_what_many_routes_answer_stands_in_one_place() -> None:
    said = described([FEEDBACK])["paths"]["/feedback"]["post"]["responses"]
    assert said["401"] == {"$ref": "#/components/responses/NoKey"}
