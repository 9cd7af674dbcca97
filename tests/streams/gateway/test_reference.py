"""A gateway as it runs describes itself, and answers as it says."""

import asyncio

import pytest

from infra.auth import get_key_manager
from streams.contract.asyncapi import asyncapi
from streams.contract.openapi import openapi
from streams.contract.operations import OPERATIONS
from tests.streams.gateway.conftest import Running


@pytest.mark.contract("K4")
async def test_a_running_gateway_has_the_routes_that_are_described_and_answers_as_it_says(gateway: Running) -> None:
    """Each answer is held against the description by the client (`described.hold`)."""
    own = gateway.http.headers.pop("X-API-Key")
    assert (await gateway.http.get("/openapi.json")).json() == openapi()
    assert (await gateway.http.get("/asyncapi.json")).json() == asyncapi()
    assert (await gateway.http.get("/docs")).text.startswith("<!doctype html>")
    assert (await gateway.http.get("/router")).status_code == 401
    made = await asyncio.to_thread(
        get_key_manager(gateway.settings).create_key, "all", permissions=["predict", "monitor", "admin"]
    )
    gateway.http.headers["X-API-Key"] = made
    statuses: set[int] = set()
    async with asyncio.timeout(20):
        while (await gateway.http.get("/router")).status_code == 401:
            await asyncio.sleep(0.05)
    for operation in OPERATIONS:
        if operation.method == "GET" and operation.name != "followDrift":
            response = await gateway.http.get(operation.template.replace("{", "").replace("}", ""))
            statuses.add(response.status_code)
    gateway.http.headers["X-API-Key"] = own
    assert statuses == {200, 404, 422}, statuses
