"""What the gateway's tests hold every answer against finds what is not described."""

import re

import httpx
import pytest

from streams.contract.watching import HEALTHZ, READYZ
from tests.streams.gateway.described import hold, routed

ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
JSON = {"Content-Type": "application/json", **ALWAYS}
ERROR = b'{"error":{"code":"a","message":"b"}}'


def answer(path: str, status: int, body: bytes, headers: dict[str, str]) -> httpx.Response:
    request = httpx.Request("GET", f"http://gateway{path}")
    return httpx.Response(status, content=body, headers=headers, request=request)


async def test_what_is_described_passes() -> None:
    await hold(answer("/healthz", 200, b'{"status":"alive"}', JSON))
    await hold(answer("/readyz", 503, ERROR, {**JSON, "Retry-After": "1"}))
    await hold(answer("/nowhere", 404, ERROR, JSON))


@pytest.mark.parametrize(
    ("path", "status", "body", "headers", "why"),
    [
        ("/healthz", 418, ERROR, JSON, "not described"),
        ("/healthz", 200, b'{"status":"dead"}', JSON, "is not one of"),
        ("/healthz", 200, b"{}", JSON, "is a required property"),
        ("/healthz", 200, b'{"status":"alive","since":1}', JSON, "'since' was unexpected"),
        (
            "/healthz",
            200,
            b'{"status":"alive"}',
            {"Content-Type": "application/json"},
            "no ['cache-control', 'x-content-type-options']",
        ),
        ("/healthz", 200, b'{"status":"alive"}', {**JSON, "X-Mood": "good"}, "header not described: {'x-mood'}"),
        ("/healthz", 200, b'{"status":"alive"}', {**ALWAYS, "Content-Type": "text/plain"}, "/healthz"),
        ("/readyz", 503, ERROR, JSON, "no ['retry-after']"),
        ("/nowhere", 404, b'{"detail":"Not Found"}', JSON, "'error' is a required property"),
        ("/nowhere", 200, b"{}", JSON, "/nowhere"),
    ],
)
async def test_what_is_not_described_does_not(
    path: str, status: int, body: bytes, headers: dict[str, str], why: str
) -> None:
    with pytest.raises(AssertionError, match=re.escape(why)):
        await hold(answer(path, status, body, headers))


def test_a_request_comes_to_the_operation_of_its_path() -> None:
    names = {path: one and one.name for path in ("/router/metrics", "/router/a", "/predictions/a/b", "/a")
             for one in [routed("GET", path)]}  # fmt: skip
    assert names == {"/router/metrics": "getRouteFigures", "/router/a": "getRoute", "/predictions/a/b": "getPrediction",
                     "/a": None}  # fmt: skip
    assert (routed("HEAD", "/healthz"), routed("POST", "/readyz")) == (HEALTHZ, None)
    assert routed("GET", "/readyz") is READYZ
