"""Predictions and their truth from the topics to a table to train on, with the guide's own lines (F2)."""

import json
from typing import Any

import pytest

from infra.database import FeedbackRepository, create_db_engine, create_db_session, init_db
from models.churn import CHURN
from schemas.errors import NotEnoughData
from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for
from tests.e2e.upstream import Key, now_ms, signed_headers

pytestmark = pytest.mark.real_broker

COUNT = 40


def ask_and_label(platform: Platform, customers: Customers) -> dict[str, int]:
    """Request id -> its truth, all of them sent, scored and labelled through the topics."""
    key = platform.create_key(rate_limit=1000, burst=1000)
    truth = {platform.upstream.ask(key, customers(number)): number % 2 for number in range(COUNT)}
    platform.upstream.flush()
    headers = {"X-API-Key": key.api_key}
    for request_id, label in truth.items():
        body = {"request_id": request_id, "label": label}
        assert platform.http.post("/feedback", json=body, headers=headers).status_code == 202
    query = "SELECT count(*) FROM prediction_feedback WHERE request_id = ANY(%s) AND actual_label IS NOT NULL"
    wait_for(lambda: platform.stored(query, list(truth)) == [(COUNT,)], "all labelled")
    return truth


@pytest.mark.contract("F2", "F1")
def test_what_the_sink_stored_is_what_the_guide_trains_on(platform: Platform, customers: Customers) -> None:
    truth = ask_and_label(platform, customers)
    version = platform.result(next(iter(truth)))["model_version"]

    engine = create_db_engine(platform.environment["DATABASE_URL"], pool_size=5, max_overflow=5)
    init_db(engine)
    with create_db_session(engine) as session:
        repo = FeedbackRepository(session)
        df = repo.get_feedback_for_retraining(min_samples=COUNT, days_back=90, model_version=version)
        X = df.drop("label", axis=1)  # noqa: N806 - the guide's name
        y = df["label"]
        with pytest.raises(NotEnoughData, match=r"\d+ labelled rows found, 10000 needed"):
            repo.get_feedback_for_retraining(model_version=version)
        own = [repo.get_prediction(request_id)[0] for request_id in truth]
    engine.dispose()

    assert sorted(X.columns) == sorted(CHURN.names)
    assert (len(X), sorted(y)) == (COUNT, sorted(truth.values()))
    expected: list[dict[str, Any]] = [customers(number) for number in range(COUNT)]
    assert [row.features for row in own] == expected
    assert [row.actual_label for row in own] == list(truth.values())
    assert sorted(X.to_dict("records"), key=str) == sorted((_ordered(X, row) for row in expected), key=str)


def _ordered(frame: Any, row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in frame.columns}


@pytest.mark.contract("F2")
def test_a_prediction_that_was_stored_by_hand_lies_beside_those_of_the_sink(platform: Platform) -> None:
    engine = create_db_engine(platform.environment["DATABASE_URL"], pool_size=1, max_overflow=0)
    with create_db_session(engine) as session:
        repo = FeedbackRepository(session)
        repo.store_prediction(
            request_id="abc-123",
            features={"total_orders": 10, "total_revenue": 500.0},
            predicted_probability=0.75,
            predicted_label=1,
            risk_score=75.0,
            model_version="v1",
            routing_strategy="shadow",
            latency_ms=12.5,
        )
        repo.update_feedback(request_id="abc-123", actual_label=1)
        df = repo.get_feedback_for_retraining(min_samples=1, days_back=90, model_version="v1")
    engine.dispose()
    assert df.to_dict("records") == [{"total_orders": 10, "total_revenue": 500.0, "label": 1}]


def tell(platform: Platform, key: Key | None, request_id: str, label: int) -> None:
    """Queue a label: signed, or with no header at all."""
    body = json.dumps({"request_id": request_id, "label": label}).encode()
    topic = platform.topic("feedback")
    headers = signed_headers(key, topic, request_id, request_id, body, now_ms()) if key else {}
    platform.upstream.send("feedback", request_id.encode(), body, headers)


@pytest.mark.contract("K4", "K8", "F1")
def test_only_a_signed_label_counts_and_each_other_is_one_dead_letter(platform: Platform, customers: Customers) -> None:
    key = platform.create_key()
    forger, monitor = Key("sk_live_" + "A" * 43, key.key_id), platform.create_key(permissions=["monitor"])
    request_id = platform.upstream.ask(key, customers(0))
    tell(platform, key, request_id, 1)
    for stranger in (None, forger, monitor):
        tell(platform, stranger, request_id, 0)
    platform.upstream.flush()
    platform.settle()
    assert platform.rows_of(request_id, "status, actual_label") == [("ok", 1)]
    found = [event.body for event in platform.tap("dead-letters").to_end() if event.key == request_id.encode()]
    assert [letter["reason"] for letter in found] == ["unauthorized", "unauthorized", "forbidden"]
    revisions = platform.stored("SELECT label FROM label_revisions WHERE request_id = %s", request_id)
    assert revisions == [(1,)]


@pytest.mark.contract("R7")
def test_a_request_id_of_another_key_keeps_that_keys_row_and_is_told(platform: Platform, customers: Customers) -> None:
    first, second = platform.create_key(), platform.create_key()
    request_id = platform.upstream.ask(first, customers(0), entity="c-first")
    platform.upstream.flush()
    assert platform.rows_of(request_id, "key_id") == [(first.key_id,)]
    for key, entity in ((first, "c-first"), (second, f"c-{request_id}")):
        platform.upstream.ask(key, customers(1), request_id=request_id, entity=entity)
    platform.upstream.flush()
    platform.settle()
    assert platform.rows_of(request_id, "key_id, entity") == [(first.key_id, "c-first")]
    letters = [event for event in platform.tap("dead-letters").to_end() if event.body["reason"] == "request_id_taken"]
    assert [letter.key for letter in letters] == [f"c-{request_id}".encode()]
    assert first.key_id not in letters[0].body["message"]
