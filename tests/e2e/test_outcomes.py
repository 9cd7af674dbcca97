"""How requests end: every status, once each, and what cannot be read beside them (R6, R8, R9)."""

import asyncio
import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from schemas.result import STATUSES
from tests.e2e.cases import NO_NUMBER, Customers
from tests.e2e.platform import Platform
from tests.e2e.upstream import Key, now_ms
from tests.kafka import put_untold_header

pytestmark = pytest.mark.real_broker

INTERNAL = re.compile(
    r"Traceback|Exception|(?-i:[a-z]Error\b)|\.py|/site-packages|<[a-z]+ object|line \d+|psycopg|onnx|redis", re.I
)


@pytest.fixture(scope="module")
def key(platform: Platform) -> Key:
    return platform.create_key(rate_limit=100_000, burst=100_000)


def send_each_status(platform: Platform, key: Key, features: dict[str, Any]) -> dict[str, str]:
    """Status -> the id of a request that must end with it."""
    ask = platform.upstream.ask
    monitor = platform.create_key(permissions=["monitor"])
    poor = platform.create_key(rate_limit=1, burst=1)
    ask(poor, features)
    asked = {
        "ok": ask(key, features),
        "unauthorized": ask(Key("sk_live_" + "A" * 43, key.key_id), features),
        "forbidden": ask(monitor, features),
        "rate_limited": ask(poor, features),
        "invalid": ask(key, {}),
        "expired": ask(key, features, deadline_ms=now_ms() - 1),
        "error": ask(key, {**features, **NO_NUMBER}),
    }
    platform.upstream.flush()
    return asked


@pytest.mark.contract("R6")
def test_every_status_is_one_terminal_event_and_one_row_without_internal_text(
    platform: Platform, key: Key, customers: Customers
) -> None:
    asked = send_each_status(platform, key, customers(0))
    assert set(asked) == set(STATUSES)
    platform.settle()
    events = [event.body for event in platform.tap("prediction-results").to_end()]
    ends = {status: [e for e in events if e.get("request_id") == asked[status]] for status in asked}
    assert {status: [e["status"] for e in found] for status, found in ends.items()} == {s: [s] for s in asked}
    for status, [event] in ends.items():
        assert ("predictions" in event) == (status == "ok") == ("error" not in event)
        assert not INTERNAL.search(json.dumps(event.get("error"))), event["error"]
        assert platform.rows_of(asked[status], "status, error ->> 'code'") == [
            (status, event["error"]["code"] if status != "ok" else None)
        ]


@pytest.mark.contract("R8")
def test_a_request_past_its_deadline_is_not_scored_and_costs_nothing(platform: Platform, customers: Customers) -> None:
    key = platform.create_key(rate_limit=1, burst=10)
    for deadline_ms in (1, now_ms() - 1):
        result = platform.result(platform.upstream.ask(key, customers(0), deadline_ms=deadline_ms))
        assert result["status"] == "expired"
        assert not {"predictions", "risk_score", "label", "features"} & result.keys()
    in_time = {"X-API-Key": key.api_key, "X-Timeout-Ms": "9000"}
    answer = platform.http.post("/predict", json=customers(0), headers=in_time)
    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (200, "9")


BROKEN: dict[str, Callable[[Platform, Key, str], object]] = {
    "no_request_id": lambda p, k, entity: p.upstream.send("prediction-requests", entity.encode(), b"\xff\x00{", {}),
    "not_json": lambda p, k, entity: p.upstream.ask(k, body=b'{"entity": "\xff', entity=entity),
    "empty": lambda p, k, entity: p.upstream.ask(k, body=b"", entity=entity),
}


@pytest.mark.contract("R9")
@pytest.mark.parametrize("reason", BROKEN)
def test_a_record_that_cannot_be_read_is_one_dead_letter_and_the_partition_goes_on(
    platform: Platform, key: Key, customers: Customers, reason: str
) -> None:
    platform.settle("scorer")
    before = platform.committed("scorer", "prediction-requests")
    entity = f"c-{uuid4()}"
    BROKEN[reason](platform, key, entity)
    after = platform.upstream.ask(key, customers(0), entity=entity)
    platform.upstream.flush()
    assert platform.result(after)["status"] == "ok"
    platform.settle("scorer")
    now = platform.committed("scorer", "prediction-requests")
    [partition] = [p for p, offset in now.items() if offset != before[p]]
    assert now[partition] == before[partition] + 2
    letters = [event.body for event in platform.tap("dead-letters").to_end() if event.key == entity.encode()]
    place = (platform.topic("prediction-requests"), partition, before[partition])
    assert [(x["reason"], (x["topic"], x["partition"], x["offset"])) for x in letters] == [(reason, place)]


@pytest.mark.contract("R9")
def test_a_header_whose_name_is_no_text_stops_no_partition(platform: Platform, key: Key, customers: Customers) -> None:
    entity, topic = f"c-{uuid4()}", platform.topic("prediction-requests")
    asyncio.run(put_untold_header(platform.bootstrap, topic, 6, entity.encode()))
    after = [platform.upstream.ask(key, customers(0), entity=f"{entity}-{number}") for number in range(20)]
    platform.upstream.flush()
    assert {platform.result(request_id)["status"] for request_id in after} == {"ok"}
    platform.settle("scorer")
    letters = [event.body for event in platform.tap("dead-letters").to_end() if event.key == entity.encode()]
    assert sorted((letter["reason"], letter["partition"]) for letter in letters) == [
        ("no_request_id", partition) for partition in range(6)
    ]


@pytest.mark.contract("R9", "K4")
@pytest.mark.parametrize("name", ["request-id", "key-id", "signed-at", "signature"])
def test_a_header_without_a_value_crashes_nobody(platform: Platform, name: str) -> None:
    entity, request_id = f"c-{uuid4()}", str(uuid4())
    headers: dict[str, Any] = {
        "request-id": request_id,
        "key-id": "A" * 11,
        "signed-at": str(now_ms()),
        "signature": "",
    }
    platform.upstream.send("prediction-requests", entity.encode(), b"{}", {**headers, name: None})
    platform.upstream.flush()
    if name != "request-id":
        assert platform.result(request_id)["status"] == "unauthorized"
    platform.settle("scorer")
    letters = [event.body for event in platform.tap("dead-letters").to_end() if event.key == entity.encode()]
    assert [letter["reason"] for letter in letters] == (["no_request_id"] if name == "request-id" else [])


@pytest.mark.contract("R9")
def test_a_dead_letter_holds_the_bytes_as_they_came(platform: Platform) -> None:
    entity, value = f"c-{uuid4()}", bytes(range(256))
    platform.upstream.send("prediction-requests", entity.encode(), value, {})
    platform.upstream.flush()
    tap = platform.tap("dead-letters")
    [letter] = tap.until(lambda events: [e.body for e in events if e.key == entity.encode()], "the dead letter")
    assert b64decode(letter["value"]) == value


@pytest.mark.contract("R9")
def test_text_that_no_answer_could_repeat_is_refused_and_crashes_nothing(
    platform: Platform, key: Key, customers: Customers
) -> None:
    features = json.dumps({**customers(0), "favorite_category": "\ud800"})
    body = f'{{"entity": "c-42", "features": {features}}}'.encode()
    request_id = platform.upstream.ask(key, body=body)
    platform.upstream.flush()
    assert platform.result(request_id)["error"]["code"] == "not_json"


@pytest.mark.contract("R9")
@pytest.mark.parametrize(
    ("topic", "reason"), [("prediction-results", "not_json"), ("feedback", "unauthorized"), ("api-keys", "not_json")]
)
def test_the_sink_steps_over_what_it_cannot_read(platform: Platform, topic: str, reason: str) -> None:
    platform.settle("sink")
    before, mark = platform.committed("sink", topic), uuid4().hex.encode()
    platform.upstream.send(topic, mark, b"\xff\x00{", {})
    platform.upstream.flush()
    platform.settle("sink")
    now = platform.committed("sink", topic)
    assert Counter(now) - Counter(before) == Counter({p: 1 for p in now if now[p] != before[p]})
    letters = [event.body for event in platform.tap("dead-letters").to_end() if event.key == mark]
    assert [(letter["topic"], letter["reason"]) for letter in letters] == [(platform.topic(topic), reason)]
