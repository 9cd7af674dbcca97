"""What a caller gets for a request, over Kafka and over HTTP: R1 to R5 of the contract."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.cases import INCLUSIVE, WRONG, Customers, Wrong
from tests.e2e.platform import Platform
from tests.e2e.upstream import Key

pytestmark = pytest.mark.real_broker
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def key(platform: Platform) -> Key:
    return platform.create_key(rate_limit=100_000, burst=100_000, permissions=["predict", "monitor"])


def over_kafka(platform: Platform, key: Key, features: Any = None, **how: Any) -> Any:
    request_id = platform.upstream.ask(key, features, **how)
    platform.upstream.flush()
    return platform.result(request_id)


def over_http(platform: Platform, key: Key, body: bytes) -> Any:
    return platform.http.post("/predict", content=body, headers={"X-API-Key": key.api_key})


def dead_letter_of(platform: Platform, request_id: str) -> Any:
    def mine(events: list[Any]) -> Any:
        return [event.body for event in events if event.body.get("headers", {}).get("request-id") == request_id]

    [letter] = platform.tap("dead-letters").until(mine, f"a dead letter of {request_id}")
    return letter


@pytest.mark.contract("R1")
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.clause)
def test_features_that_break_the_signature_are_refused_by_name(
    platform: Platform, key: Key, customers: Customers, wrong: Wrong
) -> None:
    body = wrong.body(customers(0))
    result = over_kafka(platform, key, body=body)
    assert (result["status"], result["error"]["code"]) == ("invalid", "invalid_request")
    [field] = result["error"]["fields"]
    assert (field["field"], field["got"]) == (wrong.field, wrong.got)
    assert wrong.reason in field["reason"]
    assert dead_letter_of(platform, result["request_id"])["reason"] == "invalid_request"
    answer = over_http(platform, key, body)
    assert (answer.status_code, answer.json()["error"]["fields"]) == (422, [field])


@pytest.mark.contract("R1")
def test_a_refusal_names_every_offending_field(platform: Platform, key: Key, customers: Customers) -> None:
    features = {**customers(0), "total_orders": "3", "email_open_rate": 2, "extra": None}
    del features["payment_method"]
    result = over_kafka(platform, key, features)
    named = [field["field"] for field in result["error"]["fields"]]
    assert named == ["total_orders", "email_open_rate", "payment_method", "extra"]


@pytest.mark.contract("R1")
@pytest.mark.parametrize("values", INCLUSIVE)
def test_bounds_are_inclusive(platform: Platform, key: Key, customers: Customers, values: dict[str, Any]) -> None:
    assert over_kafka(platform, key, {**customers(0), **values})["status"] == "ok"


@pytest.mark.contract("R2")
def test_a_category_not_seen_in_training_is_scored_and_counted(
    platform: Platform, key: Key, customers: Customers
) -> None:
    assert over_kafka(platform, key, {**customers(0), "favorite_category": "submarines"})["status"] == "ok"
    metrics = platform.http.get("/metrics", headers={"X-API-Key": key.api_key}).text
    assert 'unseen_category_total{feature="favorite_category"} 1.0' in metrics


def nested(depth: int) -> bytes:
    return b'{"entity": "c-42", "features": {"x": ' + b"[" * (depth - 2) + b"]" * (depth - 2) + b"}}"


def padded(size: int) -> bytes:
    body = b'{"entity": "c-42", "features": {"x": "'
    return body + b"x" * (size - len(body) - 3) + b'"}}'


def extra_headers(count: int, size: int = 1) -> dict[str, str]:
    return {f"x-{number}": "y" * size for number in range(count)}


@pytest.mark.contract("R3")
@pytest.mark.parametrize(
    ("how", "reason", "status"),
    [
        ({"body": padded(MIB + 1)}, "too_large", 413),
        ({"body": nested(33)}, "too_deep", 400),
        ({"extra": extra_headers(28)}, "too_many_headers", 400),
        ({"extra": extra_headers(20, 1000)}, "headers_too_large", 400),
    ],
    ids=["body", "depth", "headers", "header bytes"],
)
def test_what_passes_a_limit_is_refused_before_it_is_read(
    platform: Platform, key: Key, customers: Customers, how: dict[str, Any], reason: str, status: int
) -> None:
    body = how.get("body") or json.dumps({"entity": "c-42", "features": customers(0)}).encode()
    result = over_kafka(platform, key, **{**how, "body": body})
    assert (result["status"], result["error"]["code"]) == ("invalid", reason)
    assert dead_letter_of(platform, result["request_id"])["reason"] == reason
    headers = {"X-API-Key": key.api_key, **how.get("extra", {})}
    assert platform.http.post("/predict", content=body, headers=headers).status_code == status


@pytest.mark.contract("R3")
@pytest.mark.parametrize("how", [{"body": padded(MIB)}, {"body": nested(32)}], ids=["body of 1 MiB", "depth of 32"])
def test_what_reaches_a_limit_is_read_and_judged_by_its_fields(
    platform: Platform, key: Key, how: dict[str, Any]
) -> None:
    result = over_kafka(platform, key, **how)
    assert result["error"]["code"] == "invalid_request"
    assert over_http(platform, key, how["body"]).status_code == 422


@pytest.mark.contract("R3", "R6")
def test_a_body_of_1_mib_full_of_rows_is_answered_row_by_row_and_stored(
    platform: Platform, key: Key, customers: Customers
) -> None:
    rows: list[dict[str, Any]] = []
    while len(body := json.dumps({"entity": "c-42", "rows": [*rows, *map(customers, range(25))]}).encode()) <= MIB:
        rows += map(customers, range(25))
    body = json.dumps({"entity": "c-42", "rows": rows}).encode().ljust(MIB)
    result = over_kafka(platform, key, body=body)
    assert [row["features"] for row in result["rows"]] == rows
    answer = over_http(platform, key, body)
    assert answer.status_code == 200
    assert [row["predictions"] for row in answer.json()["rows"]] == [row["predictions"] for row in result["rows"]]
    platform.settle("sink")
    assert platform.rows_of(result["request_id"]) == [("ok",)] * len(rows)


@pytest.mark.contract("R3")
def test_thirty_two_headers_are_read(platform: Platform, key: Key, customers: Customers) -> None:
    assert over_kafka(platform, key, customers(0), extra=extra_headers(27))["status"] == "ok"


@pytest.mark.contract("R4")
def test_rows_scored_together_singly_and_with_shuffled_fields_agree_to_the_last_bit(
    platform: Platform, key: Key, customers: Customers
) -> None:
    rows = [customers(number) for number in range(25)]
    together = over_kafka(platform, key, rows)["rows"]
    shuffled = over_kafka(platform, key, [dict(reversed(row.items())) for row in rows])["rows"]
    single = [platform.upstream.ask(key, row) for row in rows]
    platform.upstream.flush()
    http = [over_http(platform, key, json.dumps(row).encode()).json()["predictions"] for row in rows[:5]]
    singly = [platform.result(request_id)["predictions"] for request_id in single]
    assert [row["predictions"] for row in together] == singly
    assert [row["predictions"] for row in shuffled] == singly
    assert http == singly[:5]
    assert [row["features"] for row in together] == rows


@pytest.mark.contract("R5")
def test_the_fields_of_an_answer_follow_from_one_probability(
    platform: Platform, key: Key, customers: Customers
) -> None:
    listed = json.loads(platform.cli("models", "show", "churn", "--json").stdout)
    rows = over_kafka(platform, key, [customers(number) for number in range(200)])["rows"]
    for row in rows:
        probability = row["churn_probability"]
        assert sum(row["predictions"]) == 1.0
        assert row["predictions"][1] == probability
        assert row["risk_score"] == 100 * probability
        assert row["label"] == int(probability >= listed["threshold"])
    assert {row["label"] for row in rows} == {0, 1}


@pytest.mark.contract("R7")
def test_the_same_request_twice_is_one_answer_one_row_and_one_charge(platform: Platform, customers: Customers) -> None:
    key = platform.create_key(rate_limit=1, burst=10)
    request_id, body = str(uuid4()), json.dumps({"entity": "c-1", "features": customers(3)}).encode()
    for _ in range(2):
        platform.upstream.ask(key, body=body, entity="c-1", request_id=request_id)
    platform.upstream.flush()
    headers = {"X-API-Key": key.api_key, "Idempotency-Key": request_id}
    answers = [platform.http.post("/predict", content=body, headers=headers) for _ in range(2)]
    assert {answer.headers["X-RateLimit-Remaining"] for answer in answers} == {"9"}
    platform.settle()
    events = [event.body for event in platform.tap("prediction-results").to_end()]
    mine = [event for event in events if event.get("request_id") == request_id]
    assert len(mine) == 4
    given = [*mine, *(answer.json() for answer in answers)]
    assert {(event["status"], *event["predictions"]) for event in given} == {("ok", *mine[0]["predictions"])}
    assert platform.rows_of(request_id) == [("ok",)]
