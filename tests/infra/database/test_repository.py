"""The guide's repository, snippet by snippet and then at its edges."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from infra.database import FeedbackRepository, create_db_session
from schemas.errors import InvalidRequest, NotEnoughData
from tests.infra.database.rows import MOMENT, stored

pytestmark = pytest.mark.contract("F2")


def store(repo: FeedbackRepository, request_id: str, **changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "features": {"total_orders": 10, "total_revenue": 500.0},
        "predicted_probability": 0.75,
        "predicted_label": 1,
        "risk_score": 75.0,
        "model_version": "v1",
        "routing_strategy": "shadow",
        "latency_ms": 12.5,
    }
    return repo.store_prediction(request_id=request_id, **{**arguments, **changes})


def test_the_guides_snippets_run(repo: FeedbackRepository) -> None:
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
    X = df.drop("label", axis=1)  # noqa: N806
    y = df["label"]
    assert X.to_dict("records") == [{"total_orders": 10, "total_revenue": 500.0}]
    assert y.tolist() == [1]


def test_every_argument_comes_back(repo: FeedbackRepository, engine: Engine) -> None:
    given: dict[str, Any] = {
        "features": {"n": 2**53 + 1, "x": 0.1, "whole": 500.0, "s": "naïve \U0001f600", "none": None, "deep": [1, {}]},
        "predicted_probability": 0.123456789012345,
        "predicted_label": 0,
        "risk_score": 12.3456789012345,
        "model_version": "v2",
        "routing_strategy": "canary",
        "latency_ms": 0.25,
        "row": 4,
        "entity": "c-42",
        "key_id": "abcdefghijk",
        "model": "churn",
        "arm": "candidate",
        "route_epoch": 2**40,
        "degraded": True,
        "requested_at": MOMENT,
        "scored_at": MOMENT + timedelta(microseconds=1),
        "metadata": {"campaign": "spring", "tags": ["a"]},
    }
    store(repo, "round-trip", **given)
    with create_db_session(engine) as fresh:
        (row,) = FeedbackRepository(fresh).get_prediction("round-trip")
    found = {name: getattr(row, "extra" if name == "metadata" else name) for name in given}
    assert found == given
    assert row.features is not None
    assert isinstance(row.features["whole"], float)
    assert (row.status, row.error, row.actual_label) == ("ok", None, None)


def test_a_refused_request_has_no_answer(repo: FeedbackRepository) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("features", "predicted_probability", "predicted_label", "risk_score", "model_version")
    )
    row = store(repo, "refused", **nothing, status="rate_limited", error={"code": "rate_limited"})
    assert (row.status, row.error, row.features) == ("rate_limited", {"code": "rate_limited"}, None)


def test_numpy_scalars_are_taken(repo: FeedbackRepository) -> None:
    row = store(
        repo,
        "numpy",
        features={"n": np.int64(3), "x": np.float32(0.5)},
        predicted_probability=np.float64(0.5),
        predicted_label=np.int64(1),
    )
    assert (row.features, row.predicted_probability, row.predicted_label) == ({"n": 3, "x": 0.5}, 0.5, 1)


@pytest.mark.contract("R7")
def test_a_duplicate_is_a_no_op_and_answers_with_the_stored_row(repo: FeedbackRepository, engine: Engine) -> None:
    first = store(repo, "twice", predicted_probability=0.25)
    again = store(repo, "twice", predicted_probability=0.99)
    assert again.predicted_probability == first.predicted_probability == 0.25
    assert store(repo, "after-twice").request_id == "after-twice"
    assert stored(engine, "SELECT count(*) FROM prediction_feedback WHERE request_id = 'twice'") == [1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"predicted_probability": 1.5},
        {"predicted_probability": float("nan")},
        {"risk_score": 101.0},
        {"predicted_label": 2**40},
        {"status": "fine"},
        {"row": -1},
        {"features": {"x": float("inf")}},
        {"features": {"x": "nul \x00"}},
        {"features": {"x": object()}},
        {"features": None},
        {"entity": "e" * 300},
    ],
)
def test_what_the_table_cannot_hold_is_refused_and_the_session_goes_on(
    repo: FeedbackRepository, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        store(repo, "wrong", **wrong)
    assert repo.get_prediction("wrong") == []


@pytest.mark.parametrize("request_id", ["", "has space", "nul\x00", "x" * 129])
def test_a_request_id_of_another_form_is_refused(repo: FeedbackRepository, request_id: str) -> None:
    with pytest.raises(InvalidRequest, match="request_id"):
        store(repo, request_id)


def test_a_label_of_an_unknown_prediction_is_an_error_that_says_what_to_do(repo: FeedbackRepository) -> None:
    with pytest.raises(InvalidRequest, match="'nobody' row 0: store it first, or send the label to the feedback"):
        repo.update_feedback(request_id="nobody", actual_label=1)


@pytest.mark.contract("F1")
@pytest.mark.parametrize(
    "wrong",
    [2, -1, 0.5, True, "1", None, float("nan"), np.nan, float("inf"), 2**70, pytest.param("x" * 10**7, id="10 MB")],
)
def test_a_label_outside_the_classes_is_refused(repo: FeedbackRepository, wrong: Any) -> None:
    store(repo, "labelled-wrongly")
    with pytest.raises(InvalidRequest, match="actual_label"):
        repo.update_feedback(request_id="labelled-wrongly", actual_label=wrong)


@pytest.mark.contract("F1")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("request_id", "nul\x00"),
        pytest.param("request_id", "x" * 10**7, id="request_id of 10 MB"),
        ("row", -1),
        ("row", 2**31),
        ("row", "0"),
        ("source", "nul\x00"),
        pytest.param("source", "x" * 10**7, id="source of 10 MB"),
        ("source", ""),
        ("observed_at", "soon"),
        ("observed_at", datetime(2026, 1, 31, 12)),  # noqa: DTZ001 - this is what is wrong with it
    ],
)
def test_another_field_that_cannot_be_is_named_and_the_session_goes_on(
    repo: FeedbackRepository, field: str, value: Any
) -> None:
    store(repo, "labelled-oddly")
    with pytest.raises(InvalidRequest, match=f"^{field} must be ") as caught:
        repo.update_feedback(**{"request_id": "labelled-oddly", "actual_label": 1, field: value})
    assert [wrong.field for wrong in caught.value.fields] == [field]
    assert len(str(caught.value)) < 300
    assert (
        repo.update_feedback(request_id="labelled-oddly", actual_label=np.int64(1), row=np.int64(0)).actual_label == 1
    )


@pytest.mark.contract("F1")
def test_another_label_is_a_revision_and_the_same_again_is_none(repo: FeedbackRepository, engine: Engine) -> None:
    store(repo, "revised")
    for value in (1, 1, 0, 0):
        row = repo.update_feedback(request_id="revised", actual_label=value, source="crm", observed_at=MOMENT)
    assert (row.actual_label, row.label_source) == (0, "crm")
    query = "SELECT label, source, observed_at FROM label_revisions WHERE request_id = 'revised' ORDER BY id"
    assert stored(engine, query) == [(1, "crm", MOMENT), (0, "crm", MOMENT)]


def test_all_rows_of_a_request_come_in_order(repo: FeedbackRepository) -> None:
    for row in (2, 0, 1):
        store(repo, "many", row=row)
    assert [row.row for row in repo.get_prediction("many")] == [0, 1, 2]


def test_too_few_labelled_rows_are_an_error_with_the_counts(repo: FeedbackRepository) -> None:
    store(repo, "alone", model_version="lonely")
    with pytest.raises(NotEnoughData) as caught:
        repo.get_feedback_for_retraining(min_samples=10, model_version="lonely")
    assert (caught.value.found, caught.value.needed) == (0, 10)
    store(repo, "still-works")


def test_the_frame_has_only_what_was_asked_for_oldest_first(repo: FeedbackRepository) -> None:
    now = datetime.now(UTC)
    for request_id, days, version in [("f-new", 1, "f1"), ("f-old", 5, "f1"), ("f-gone", 91, "f1"), ("f-2", 1, "f2")]:
        scored_at = now - timedelta(days=days)
        store(repo, request_id, features={"days": days}, model_version=version, scored_at=scored_at)
        repo.update_feedback(request_id=request_id, actual_label=days % 2)
    store(repo, "f-unlabelled", features={"days": 0}, model_version="f1")
    frame = repo.get_feedback_for_retraining(min_samples=2, days_back=90, model_version="f1")
    assert frame.to_dict("list") == {"days": [5, 1], "label": [1, 1]}
    assert frame.index.tolist() == [0, 1]


def test_a_feature_called_label_does_not_hide_the_truth(repo: FeedbackRepository) -> None:
    store(repo, "clash", features={"label": 0}, model_version="clash")
    repo.update_feedback(request_id="clash", actual_label=1)
    with pytest.raises(InvalidRequest, match="rename"):
        repo.get_feedback_for_retraining(min_samples=1, model_version="clash")


def test_the_session_is_free_after_each_call(repo: FeedbackRepository, session: Session) -> None:
    store(repo, "free")
    repo.get_prediction("free")
    assert not session.in_transaction()
