"""What the gateway refuses to read."""

import asyncio
import gzip
from typing import Any

import pytest

from tests.streams.gateway.fakes import FULL, Gateway, post


@pytest.mark.contract("R3")
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"features": "' + b"x" * 1024 * 1024 + b'"}', 413, "too_large"),
        (b'{"a": "' + b"x" * (1024 * 1024 - 10) + b'"}', 413, "too_large"),
        (b'{"features": ' + b"[" * 32 + b"]" * 32 + b"}", 400, "too_deep"),
        (b"[" * 500_000, 400, "too_deep"),
        (b"", 400, "empty"),
        (b"{", 400, "not_json"),
        (b"\xff", 400, "not_json"),
        (b'\xef\xbb\xbf{"entity": "c-1", "features": {"a": 1}}', 400, "not_json"),
        (b'\xef\xbb\xbf{"a": 1}', 400, "not_json"),
        (b'{"entity": "\\ud800", "features": {}}', 400, "not_json"),
    ],
)
async def test_a_body_past_its_limits_is_refused_and_not_produced(body: bytes, status: int, code: str) -> None:
    gateway = Gateway()
    response = await post(gateway, body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert gateway.kafka.sent == []


@pytest.mark.contract("R3")
async def test_a_body_is_refused_while_it_streams_in() -> None:
    gateway = Gateway()
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 64 * 1024

    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/predict", content=endless())
    assert response.status_code == 413
    assert taken <= 18


@pytest.mark.contract("R3")
@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({f"X-H{i}": "v" for i in range(40)}, "too_many_headers"),
        ({"X-Long": "v" * 16 * 1024}, "headers_too_large"),
    ],
)
async def test_too_many_or_too_long_headers_are_refused(extra: dict[str, str], code: str) -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/predict", json=FULL, headers=extra)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


async def test_a_body_that_does_not_arrive_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.gateway.security.BODY_S", 0.05)

    async def stuck() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post("/predict", content=stuck())
    assert (response.status_code, response.json()["error"]["code"]) == (408, "too_slow")


@pytest.mark.parametrize("path", ["/predict", "/feedback"])
@pytest.mark.parametrize("encoding", ["gzip", "br, identity"])
async def test_an_encoded_body_is_415_and_says_how_to_send_it(path: str, encoding: str) -> None:
    gateway = Gateway()
    headers = {"Content-Encoding": encoding, "Content-Type": "application/x-ndjson"}
    async with gateway.client(gateway.keys.new("predict")) as client:
        response = await client.post(path, content=gzip.compress(b"{}"), headers=headers)
        plain = await client.post(path, content=b"[]", headers={"Content-Encoding": "Identity"})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (415, "encoded")
    assert "without Content-Encoding" in error["message"]
    assert plain.status_code != 415
