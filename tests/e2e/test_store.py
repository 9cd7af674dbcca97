"""Predictions and their truth from the topics to a table to train on, with the guide's own lines (F2)."""

from typing import Any

import pytest

from infra.database import FeedbackRepository, create_db_engine, create_db_session, init_db
from models.churn import CHURN
from schemas.errors import NotEnoughData
from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for

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
