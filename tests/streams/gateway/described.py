"""Every answer that a test's client gets is held against the description of the API."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from streams.contract.openapi import openapi
from streams.contract.operation import Operation
from streams.contract.operations import OPERATIONS

OF_HTTP = {
    "content-type", "content-length", "date", "connection", "transfer-encoding", "server",
}  # fmt: skip
"""Headers that every server's answers have, of which no description speaks."""
NOT_ROUTED = {400, 401, 404, 405, 429, 500, 503}
"""Statuses of what is no route of the description."""


async def hold(response: httpx.Response) -> None:
    """Raises AssertionError where the answer is none of those described. For the event hooks of an httpx client."""
    request = response.request
    operation = routed(request.method, request.url.path)
    streams = response.headers.get("content-type", "").startswith("text/event-stream")
    body = b"" if streams else await response.aread()
    said = f"{request.method} {request.url.path} -> {response.status_code} {body[:500]!r}"
    if operation is None:
        assert response.status_code in NOT_ROUTED, said
        check(schema_of({"$ref": "#/components/schemas/Error"}), body, said)
        return
    answer = described(operation, response.status_code)
    assert answer is not None, f"not described: {said}"
    check_headers(answer["headers"], response.headers, said)
    [(media, content)] = answer["content"].items()
    given = response.headers["content-type"].partition(";")[0]
    assert given == media, said
    if media == "application/json" and request.method != "HEAD":
        check(schema_of(content["schema"]), body, said)


def check_headers(said: Mapping[str, Any], given: httpx.Headers, what: str) -> None:
    """Those that must be there are, and no others than may be."""
    required = {name.lower() for name, header in said.items() if "Always-" in header["$ref"]}
    assert required <= {*given}, f"no {sorted(required - {*given})}: {what}"
    unknown = {*given} - {name.lower() for name in said} - OF_HTTP
    assert not unknown, f"header not described: {unknown}: {what}"
    for name, header in said.items():
        if name in given:
            schema = openapi()["components"]["headers"][header["$ref"].rpartition("/")[2]]["schema"]
            value = int(given[name]) if schema.get("type") == "integer" else given[name]
            Draft202012Validator(schema).validate(value)


def routed(method: str, path: str) -> Operation | None:
    """The operation that such a request comes to."""
    wanted = "GET" if method == "HEAD" else method
    return next((one for one in OPERATIONS if one.method == wanted and _pattern(one.path).fullmatch(path)), None)


def described(operation: Operation, status: int) -> Any:
    """The answer of this status, None where there is none."""
    said = openapi()["paths"][operation.template][operation.method.lower()]["responses"].get(str(status))
    return openapi()["components"]["responses"][said["$ref"].rpartition("/")[2]] if said and "$ref" in said else said


@cache
def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"({\w+(?::path)?})", path)
    return re.compile("".join(_piece(piece) for piece in pieces), re.DOTALL)


def _piece(piece: str) -> str:
    return re.escape(piece) if not piece.startswith("{") else ".*" if ":path" in piece else "[^/]+"


def check(validator: Draft202012Validator, body: bytes, what: str) -> None:
    """Raises AssertionError where the body is not of this form."""
    wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(body))]
    assert not wrong, f"{wrong} {what}"


def schema_of(schema: Mapping[str, Any]) -> Draft202012Validator:
    """A validator of the description's schema that takes no field which is not described."""
    return _validator(json.dumps(schema))


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": {"schemas": _closed()}})


@cache
def _closed() -> Any:
    return {name: close(schema) for name, schema in openapi()["components"]["schemas"].items()}


def close(schema: Any) -> Any:
    """The schema without room for fields that it does not name, unless it says that there are."""
    if isinstance(schema, list):
        return [close(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    said = {name: close(value) for name, value in schema.items()}
    is_object = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {"additionalProperties": False, **said} if is_object else said
