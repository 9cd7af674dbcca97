"""The description of the gateway's routes in OpenAPI 3.1."""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from typing import Any

from streams.contract.common import ALWAYS, ANSWERED, RATED, REQUEST_ID
from streams.contract.components import Components
from streams.contract.operation import Answer, Body, Operation, Parameter, Schema
from streams.contract.operations import OPERATIONS

ABOUT = """\
Machine-learning predictions on Kafka, over HTTP. Bodies are JSON in UTF-8. Every error is \
`{"error": {"code", "message"}}` with further facts where there are any; readers pass over fields that they do not \
know. HEAD is answered as GET is, without the body.

A path that is none of these is answered 404 `not_found`, a method that it does not have 405 `method_not_allowed` with \
`Allow`, to callers with a valid key. What is no HTTP is answered 400 `not_http`, a head that comes too slowly 408 \
`too_slow`, and 503 `busy` where too many connections are open: all of these as every other error."""

GROUPS = {
    "predictions": "Scoring features, and looking results up.",
    "feedback": "Ground truth.",
    "routes": "Which versions of a model answer which part of its requests.",
    "models": "What could be served.",
    "drift": "How what is asked, or the truth, departs from what a model was trained on.",
    "keys": "Who may ask for what, how often.",
    "health": "For those who run it.",
    "description": "What you are reading.",
}
KEY = (
    "A key of 51 characters, exactly once. Its permissions are `predict`, `monitor` and `admin`, of which none implies "
    "another; what a route asks for stands beside it."
)
INFO = {
    "title": "Weir",
    "version": version("weir-ml"),
    "summary": "Machine-learning predictions served on Kafka.",
    "description": ABOUT,
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
NAMED: dict[str, tuple[Schema, str]] = {
    "request_id": (REQUEST_ID, "The request id under which it was asked for."),
    "key_id": ({"type": "string"}, "The id of the key, of 11 characters; not the key."),
    "event_id": ({"type": "string"}, "The id of the episode."),
    "name": ({"type": "string"}, "The model's name."),
}
"""What is named within paths."""


@cache
def openapi() -> dict[str, Any]:
    """The description of every route."""
    return described(OPERATIONS)


def described(operations: Iterable[Operation]) -> dict[str, Any]:
    """The description of these routes."""
    operations = tuple(operations)
    components = Components(form for operation in operations for form in _forms(operation))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.template, {})[operation.method.lower()] = _operation(operation, components)
    shared = {
        answer.name: _answer(answer, components, True)
        for operation in operations
        for answer in operation.answers
        if _is_shared(answer, operation)
    }
    groups = {operation.group for operation in operations}
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/", "description": "This gateway."}],
        "tags": [{"name": name, "description": about} for name, about in GROUPS.items() if name in groups],
        "paths": paths,
        "components": {
            "responses": shared,
            "schemas": components.by_name,
            "headers": _headers(),
            "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": KEY}},
        },
    }


def _forms(operation: Operation) -> list[Any]:
    taken = list(operation.body.content.values()) if operation.body else []
    return taken + [answer.form for answer in operation.answers]


def _operation(operation: Operation, components: Components) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.group],
        "summary": operation.summary,
        "description": " ".join(filter(None, [operation.about, _asks(operation)])),
        "security": [{"ApiKey": [operation.permission]}] if operation.permission else [],
        "parameters": [
            *({"name": name, "in": "path", "required": True, **_said(*NAMED[name])} for name in operation.path_names),
            *(_parameter(parameter, "query") for parameter in operation.query),
            *(_parameter(parameter, "header") for parameter in operation.headers),
        ],
        "responses": {
            str(answer.status): {"$ref": f"#/components/responses/{answer.name}"}
            if _is_shared(answer, operation)
            else _answer(answer, components, operation.permission is not None)
            for answer in operation.answers
        },
    }
    if operation.body:
        said["requestBody"] = _body(operation.body, components)
    return {name: value for name, value in said.items() if value != [] or name == "security"}


def _is_shared(answer: Answer, operation: Operation) -> bool:
    return answer.name != "" and operation.permission is not None


def _asks(operation: Operation) -> str:
    return f"Asks for a key with `{operation.permission}`." if operation.permission else "Asks for no key."


def _said(schema: Schema, about: str) -> dict[str, Any]:
    return {"description": about, "schema": dict(schema)}


def _parameter(parameter: Parameter, where: str) -> dict[str, Any]:
    return {"name": parameter.name, "in": where, "required": False, **_said(parameter.schema, parameter.about)}


def _body(body: Body, components: Components) -> dict[str, Any]:
    content = {
        media: {"schema": components.schema(form), "example": body.examples[media]}
        for media, form in body.content.items()
    }
    return {"required": body.required, "content": content}


def _answer(answer: Answer, components: Components, is_guarded: bool) -> dict[str, Any]:
    # A caller who is not known has no bucket; one whose key ended meanwhile has, and so the headers.
    may = (*answer.may, *(RATED if is_guarded else ()))
    names = {name: f"Always-{name}" for name in (*ALWAYS, *answer.headers)} | {name: name for name in may}
    example = {} if answer.example is None else {"example": answer.example}
    return {
        "description": answer.about,
        "headers": {name: {"$ref": f"#/components/headers/{kept}"} for name, kept in names.items()},
        "content": {answer.media: {"schema": components.schema(answer.form), **example}},
    }


def _headers() -> dict[str, Any]:
    said = {name: {"description": about, "schema": dict(schema)} for name, (schema, about) in ANSWERED.items()}
    return said | {f"Always-{name}": {"required": True, **header} for name, header in said.items()}
