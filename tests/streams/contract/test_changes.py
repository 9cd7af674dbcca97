"""What changes break, seen by who sends and by who reads."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from streams.contract.asyncapi import asyncapi
from streams.contract.changes import Change, changes
from streams.contract.openapi import openapi

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
THING = {
    "type": "object",
    "properties": {"name": {**TEXT, "maxLength": 10}, "kind": {"enum": ["a", "b"]}, "size": {"type": "integer"}},
    "required": ["name"],
}


def api(body: Any = THING, answer: Any = THING, **more: Any) -> dict[str, Any]:
    """A route that takes one thing and answers with another."""
    operation = {
        "security": [{"ApiKey": ["predict"]}],
        "parameters": [{"name": "q", "in": "query", "required": False, "schema": {**NUMBER, "maximum": 5}}],
        "requestBody": {"required": False, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "headers": {"Location": {"required": True, "schema": TEXT}},
                "content": {"application/json": {"schema": answer}},
            }
        },
    }
    schemas = {
        "Tree": {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"}, "leaf": NUMBER}}
    }
    return {"openapi": "3.1.0", "paths": {"/a": {"post": {**operation, **more}}}, "components": {"schemas": schemas}}


def thing(**fields: Any) -> dict[str, Any]:
    """The thing with other fields; None takes one away."""
    merged = {**THING["properties"], **fields}  # type: ignore[dict-item]
    return {**THING, "properties": {name: said for name, said in merged.items() if said is not None}}


SCHEMAS = [
    # what it is now, whether that breaks who sends it, whether it breaks who reads it
    (thing(size=None), True, True),
    (thing(more=TEXT), False, False),
    ({**thing(more=TEXT), "required": ["name", "more"]}, True, False),
    ({**THING, "required": ["name", "size"]}, True, False),
    ({**THING, "required": []}, False, True),
    (thing(size=TEXT), True, True),
    (thing(size=NUMBER), False, True),
    (thing(size={"type": ["integer", "null"]}), False, True),
    (thing(size={"anyOf": [{"type": "integer"}, {"type": "null"}]}), False, True),
    (thing(size={}), False, True),
    (thing(kind={"enum": ["a"]}), True, False),
    (thing(kind={"enum": ["a", "b", "c"]}), False, True),
    (thing(kind={"const": "a"}), True, False),
    (thing(name={**TEXT, "maxLength": 9}), True, False),
    (thing(name={**TEXT, "maxLength": 11}), False, True),
    (thing(name=TEXT), False, True),
    (thing(name={**TEXT, "maxLength": 10, "pattern": "^a"}), True, False),
    (thing(name={**TEXT, "maxLength": 10, "minLength": 1}), True, False),
    ({**THING, "additionalProperties": False}, True, False),
    ({"type": "array", "items": THING}, True, True),
    ({"anyOf": [THING, {"type": "null"}]}, False, True),
]  # fmt: skip


def broken(found: list[Change]) -> bool:
    assert all(change.where and change.what for change in found)
    return any(change.breaks for change in found)


@pytest.mark.parametrize(("schema", "sent", "read"), SCHEMAS)
def test_a_schema_that_changes_breaks_who_sends_or_who_reads(schema: Any, sent: bool, read: bool) -> None:
    of_body, of_answer = changes(api(), api(body=schema)), changes(api(), api(answer=schema))
    assert of_body
    assert of_answer
    assert (broken(of_body), broken(of_answer)) == (sent, read), (of_body, of_answer)


LISTS = ({"type": "array", "items": TEXT}, {"type": "array", "items": {**TEXT, "maxLength": 3}})
MAPS = (
    {"type": "object", "additionalProperties": NUMBER},
    {"type": "object", "additionalProperties": {"type": "integer"}},
)
PAIRS = ({"type": "array", "prefixItems": [TEXT, TEXT]}, {"type": "array", "prefixItems": [TEXT, {"const": "a"}]})
CHOICES = ({"anyOf": [TEXT, NUMBER]}, {"anyOf": [{"type": "number"}]})


@pytest.mark.parametrize(("wide", "narrow"), [LISTS, MAPS, PAIRS, CHOICES], ids=["list", "map", "pair", "choice"])
def test_what_lies_within_is_looked_at(wide: Any, narrow: Any) -> None:
    assert broken(changes(api(body=wide), api(body=narrow)))
    assert not broken(changes(api(body=narrow), api(body=wide)))
    assert broken(changes(api(answer=narrow), api(answer=wide)))
    assert not broken(changes(api(answer=wide), api(answer=narrow)))


def test_what_refers_to_itself_ends() -> None:
    tree = {"$ref": "#/components/schemas/Tree"}
    old, new = api(body=tree), api(body=tree)
    new["components"]["schemas"]["Tree"]["properties"]["leaf"] = {"type": "integer"}
    [change, *more] = changes(old, new)
    assert (change.where, change.breaks) == ("POST /a body application/json.leaf", True)
    assert all(one.where.endswith("leaf") for one in more)


def other(path: str, value: Any) -> Callable[[Any], None]:
    """Puts a value in the place of another; None takes it away."""

    def change(document: Any) -> None:
        *way, last = path.split(" ")
        for name in way:
            document = document[int(name) if isinstance(document, list) else name]
        if value is None:
            del document[last]
        else:
            document[int(last) if isinstance(document, list) else last] = value

    return change


OPERATION = "paths /a post"
ROUTES = [
    ("paths /a", None, True, "POST /a is gone"),
    ("paths /b", {"get": {}}, False, "GET /b is new"),
    (f"{OPERATION} responses 200", None, True, "POST /a 200 is gone"),
    (f"{OPERATION} responses 404", {}, False, "POST /a 404 is new"),
    (f"{OPERATION} responses 200 headers Location", None, True, "header Location is gone"),
    (f"{OPERATION} responses 200 headers Location required", False, True, "header Location may be missing now"),
    (f"{OPERATION} responses 200 headers Allow", {"schema": TEXT}, False, "header Allow is new"),
    (f"{OPERATION} responses 200 content", {"text/plain": {"schema": TEXT}}, True, "application/json is gone"),
    (f"{OPERATION} parameters", [], True, "query q is gone"),
    (f"{OPERATION} parameters 0 required", True, True, "query q has to be there now"),
    (f"{OPERATION} parameters 0 schema maximum", 4, True, "maximum is 4 now, was 5"),
    (f"{OPERATION} parameters 0 schema maximum", 6, False, "maximum is 6 now, was 5"),
    (f"{OPERATION} requestBody required", True, True, "body has to be there now"),
    (f"{OPERATION} requestBody", None, True, "body application/json is gone"),
    (f"{OPERATION} security", [{"ApiKey": ["admin"]}], True, "admin"),
    (f"{OPERATION} security", [], False, "asks for no key now"),
    (f"{OPERATION} summary", "in other words", False, "only words"),
]


@pytest.mark.parametrize(("path", "value", "breaks", "told"), ROUTES)
def test_a_route_that_changes_is_told(path: str, value: Any, breaks: bool, told: str) -> None:
    old = api()
    new = deepcopy(old)
    other(path, value)(new)
    found = changes(old, new)
    assert broken(found) == breaks
    assert any(told in f"{change.where} {change.what}" for change in found), found


DRIFT = "channels drift-events"
TOPICS = [
    ("channels alerts", None, True, "alerts is gone"),
    (f"{DRIFT} bindings kafka topicConfiguration retention.ms", 1000, True, "is kept for 1000 ms now"),
    (f"{DRIFT} bindings kafka topicConfiguration cleanup.policy", ["compact"], True, "is kept by"),
    (f"{DRIFT} bindings kafka partitions", 1, True, "has 1 partitions now"),
    (f"{DRIFT} bindings kafka partitions", 30, False, "has 30 partitions now"),
    (f"{DRIFT} messages drift-event contentType", "application/msgpack", True, "content type is"),
    (f"{DRIFT} messages drift-event bindings kafka key description", "model", True, "key is model now"),
    (f"{DRIFT} messages drift-event headers required", [], True, "headers.schema-version may be missing now"),
    (f"{DRIFT} x-readers", [], False, "x-readers"),
    ("components schemas DriftEvent properties feature", None, True, "payload.feature is gone"),
    ("components schemas Severity", {}, False, "only words"),
    ("components schemas Feedback required", ["request_id", "label", "row"], True, "payload.row has to be there now"),
    ("components schemas Feedback required", ["request_id"], False, "payload.label may be missing now"),
    ("components schemas Tick required", [], False, "at_ms may be missing now"),
]


@pytest.mark.parametrize(("path", "value", "breaks", "told"), TOPICS)
def test_a_topic_that_changes_is_told(path: str, value: Any, breaks: bool, told: str) -> None:
    old = asyncapi()
    new = deepcopy(old)
    other(path, value)(new)
    found = changes(old, new)
    assert broken(found) == breaks, found
    assert any(told in f"{change.where} {change.what}" for change in found), found


@pytest.mark.parametrize("document", [openapi(), asyncapi()], ids=["openapi", "asyncapi"])
def test_nothing_changed_is_told_where_nothing_did(document: Any) -> None:
    text = json.dumps(document)
    assert changes(json.loads(text), json.loads(text)) == []


def test_what_breaks_comes_first() -> None:
    found = changes(api(), api(body=thing(more=TEXT, size=None)))
    assert [change.breaks for change in found] == sorted((change.breaks for change in found), reverse=True)
    assert len({change.breaks for change in found}) == 2
