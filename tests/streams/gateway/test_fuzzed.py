"""Requests that are made of the description, good and bad ones, are answered as it says, and none with a 500."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks

from infra.auth import SealedKeyRing, get_key_manager
from schemas.wire import decode, encode
from streams.contract.openapi import described
from streams.contract.operation import Operation
from streams.contract.operations import OPERATIONS
from tests.streams.contract.test_openapi import every_route
from tests.streams.gateway.callers import patient, serving
from tests.streams.gateway.conftest import Running

ENDING = [one for one in OPERATIONS if one.name != "followDrift"]
"""Those whose answer has an end."""
ALL = ("predict", "monitor", "admin")
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.not_a_server_error,
]
# The gateway runs in the same process, and its clients draw random numbers too.
pytestmark = [pytest.mark.filterwarnings("ignore:Do not use the `random` module"), pytest.mark.timeout(600)]
FEW, MANY = 10, 100


def ask(address: str, api_key: str, operations: Collection[Operation], examples: int) -> int:
    """How many requests were answered. Raises what schemathesis finds wrong with an answer."""
    schema = schemathesis.openapi.from_dict(decode(encode(described(operations))))
    asked = 0
    for operation in (result.ok() for result in schema.get_all_operations()):
        for mode in GenerationMode:

            @settings(
                max_examples=examples, deadline=None, database=None, derandomize=examples == FEW,
                phases=[Phase.generate], suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def answered(case: schemathesis.Case) -> None:
                nonlocal asked
                case.headers = {**(case.headers or {}), "X-API-Key": api_key}
                case.headers.pop("X-Timeout-Ms", None)  # a request of 1 ms rightly ends in 504
                case.call_and_validate(base_url=address, checks=CHECKS, timeout=20)
                asked += 1

            with suppress(Unsatisfiable):  # there is no wrong way to ask for what takes nothing
                answered()
    return asked


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
async def test_requests_are_answered_as_described(examples: int) -> None:
    """Over real HTTP, with nothing real behind; where time is short only those that have a body."""
    gateway = every_route()
    api_key = gateway.keys.new(*ALL)
    operations = ENDING if examples == MANY else [one for one in ENDING if one.body]
    async with serving(gateway, patient()) as server:
        host, port = server.servers[0].sockets[0].getsockname()
        asked = await asyncio.to_thread(ask, f"http://{host}:{port}", api_key, operations, examples)
    assert asked > len(operations) * examples


@pytest.mark.long
async def test_a_gateway_answers_as_described_with_kafka_and_postgres_behind_it(gateway: Running) -> None:
    """But for commands, which wait for a control agent."""
    manager = get_key_manager(gateway.settings)
    gateway.http.headers["X-API-Key"] = api_key = await asyncio.to_thread(manager.create_key, "all", permissions=ALL)
    key = await asyncio.to_thread(manager.validate_key, api_key)
    assert key is not None
    assert isinstance(gateway.echo.keys, SealedKeyRing)
    gateway.echo.keys.update(key.key_id, key.model_dump_json().encode())
    async with asyncio.timeout(20):
        while (await gateway.http.get("/router")).status_code != 200:
            await asyncio.sleep(0.05)
    operations = [one for one in ENDING if one.group != "routes" or one.permission != "admin"]
    asked = await asyncio.to_thread(ask, str(gateway.http.base_url), api_key, operations, MANY)
    assert asked > len(operations) * FEW
