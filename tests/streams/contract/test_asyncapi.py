"""The description of the topics is what lies on them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft7Validator

from schemas.alerts import alert_of, encode_alert
from schemas.dead_letter import dead_letter
from schemas.drift_events import encode_drift
from schemas.drift_windows import encode_window
from schemas.events import key_changed
from schemas.feedback import Feedback, feedback_body
from schemas.keys import ApiKey, hash_api_key, new_api_key, new_key_id
from schemas.message import Record
from schemas.outlier_events import OutlierEvent, OutlierResult, encode_outlier
from schemas.retraining import RetrainingJob, encode_job
from schemas.shadow import Reply, ServedBy, ShadowResult, TriedBy, compared, encode_shadow
from schemas.wire import encode
from streams.contract.asyncapi import asyncapi, readers, writers
from streams.contract.channels import CHANNELS
from streams.contract.predicting import SCORED
from streams.requests import ReplyTo, signed_request
from streams.topics import TOPICS
from streams.topology import READS, ROLES, TRAINER
from tests.agents.control import canary
from tests.infra.database.told import step, window
from tests.streams.contract.test_openapi import references

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
KEY = ApiKey(
    key_id=new_key_id(), name="shop", key_hash=hash_api_key(new_api_key()), sealed_signing_key="s", created_at=NOW
)
REQUEST = {"entity": "c-42", "model": "churn", "features": {"total_orders": 3, "favorite_category": "tools"}}
COMMAND = {"command": "set_route", "model": "churn", "plan": canary("v1", "v2", 0.1)}


def messages() -> list[tuple[str, bytes]]:
    """Topic and value of what the code writes."""
    record = Record("t", 0, 7, 1, b"k", b"no json", [("request-id", b"a")])
    outlier = OutlierEvent("e", "r", 0, "c-42", "churn", "v1", NOW, OutlierResult("d", 0.9, 0.5, 0.01))
    job = RetrainingJob("j", "churn", "pending", "manual", "asked for", "ada", NOW)
    rows = (compared(0, Reply((0.9, 0.1), 0), Reply((0.1, 0.9), 1)),)
    by = ServedBy("v1", "champion", 1.0), TriedBy("v2", 1.0)
    shadow = ShadowResult("r", "c-42", "churn", 1, *by, rows, NOW, NOW)
    return [
        ("prediction-requests", encode(REQUEST)),
        ("prediction-requests", encode({"rows": [REQUEST["features"]]})),
        ("prediction-results", encode({**SCORED, "key_id": KEY.key_id, "features": REQUEST["features"]})),
        ("prediction-replies", encode(SCORED)),
        ("feedback", feedback_body(Feedback(request_id="a", label=1, observed_at=NOW))),
        ("api-keys", KEY.model_dump_json().encode()),
        ("audit-events", key_changed("key_created", None, KEY, actor="a", at=NOW).model_dump_json().encode()),
        ("control-commands", encode(COMMAND)),
        ("dead-letters", dead_letter("dead-letters", record, "not_json", "it is none").value),
        ("drift-events", encode_drift(step("e-1"))),
        ("drift-windows", encode_window(window("0@9", drift=True))),
        ("outlier-events", encode_outlier(outlier)),
        ("alerts", encode_alert(alert_of(step("e-1")))),
        ("retraining-jobs", encode_job(job)),
        ("shadow-results", encode_shadow(shadow)),
    ]


def message(topic: str) -> Any:
    [said] = asyncapi()["channels"][topic]["messages"].values()
    return said


def payload(topic: str) -> Draft7Validator:
    return Draft7Validator({**message(topic)["payload"], "components": asyncapi()["components"]})


@pytest.mark.parametrize(("topic", "value"), messages(), ids=lambda one: one if isinstance(one, str) else "")
def test_what_the_code_writes_is_as_described(topic: str, value: bytes) -> None:
    wrong = [f"{error.json_path} {error.message}" for error in payload(topic).iter_errors(json.loads(value))]
    assert wrong == []


def test_a_value_that_is_none_is_not() -> None:
    assert not payload("feedback").is_valid({"request_id": "a", "label": 2})
    assert not payload("drift-events").is_valid({"event_id": "e-1"})
    shadow = json.loads(dict(messages())["shadow-results"])
    shadow["rows"][0]["flip"].append(1)
    assert not payload("shadow-results").is_valid(shadow)
    assert not payload("control-commands").is_valid({"command": "dance", "model": "churn"})


def test_every_topic_is_described_with_its_key_and_how_long_it_keeps_what() -> None:
    assert list(asyncapi()["channels"]) == [topic.name for topic in TOPICS]
    assert CHANNELS.keys() == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        kafka = asyncapi()["channels"][topic.name]["bindings"]["kafka"]
        declared = topic.configuration()
        assert kafka["topicConfiguration"]["cleanup.policy"] == [declared["cleanup.policy"]]
        assert str(kafka["topicConfiguration"].get("retention.ms")) == declared.get("retention.ms", "None")
        assert message(topic.name)["bindings"]["kafka"]["key"]["description"] == topic.key


def test_every_topic_has_who_writes_and_who_reads_it_by_names_that_exist() -> None:
    others = {"producers", "analysts", "operators", "auditors"}
    for topic in TOPICS:
        assert {role for role, read in READS.items() if topic in read} <= set(readers(topic))
        assert writers(topic)
        for who in (*writers(topic), *readers(topic)):
            assert who in {*ROLES, TRAINER, *others} or who.startswith("weir "), who


def test_a_signed_record_has_the_headers_that_are_described() -> None:
    record = signed_request(
        "prediction-requests", b"{}", entity="c", request_id="a", key_id="k", signing_key=b"s", now_ms=1,
        deadline_ms=2, reply=ReplyTo(0, "t"), traceparent="00-1-1-00",
    )  # fmt: skip
    said = message("prediction-requests")["headers"]
    given = {name: value.decode() for name, value in record.headers}
    assert Draft7Validator(said).is_valid(given), given
    assert given.keys() <= said["properties"].keys()
    assert given.keys() >= set(said["required"])


def test_every_schema_is_good_and_every_reference_leads_somewhere() -> None:
    for schema in asyncapi()["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)
    assert "prefixItems" not in json.dumps(asyncapi())
    for reference in references(asyncapi()):
        found: Any = asyncapi()
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
