"""Stored rows as the result they came from."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from streams.gateway.stored import as_result
from streams.gateway.underway import Underway

MOMENT = datetime(2026, 5, 1, tzinfo=UTC)


def row(number: int, probability: float | None = 0.25, **more: Any) -> Any:
    fields: dict[str, Any] = {
        "request_id": "r-1", "row": number, "entity": "c", "key_id": "k", "model": "churn", "model_version": "1",
        "status": "ok", "routing_strategy": "champion", "arm": "champion", "route_epoch": 1, "error": None,
        "predicted_probability": probability, "predicted_label": 0, "risk_score": 25.0, "degraded": False,
        "latency_ms": 1.5, "requested_at": MOMENT, "scored_at": MOMENT, "extra": {"target": "churn"},
    }  # fmt: skip
    return SimpleNamespace(**fields | more)


def test_no_row_is_no_result() -> None:
    assert as_result([]) is None


def test_one_row_answers_at_the_top_and_several_under_rows() -> None:
    single, several = as_result([row(0)]), as_result([row(0), row(1, 0.5)])
    assert single is not None
    assert several is not None
    assert (single["predictions"], single["strategy"]) == ([0.75, 0.25], "champion")
    assert single["churn_probability"] == 0.25
    assert [answer["predictions"] for answer in several["rows"]] == [[0.75, 0.25], [0.5, 0.5]]
    assert "predictions" not in several


def test_a_request_of_one_row_in_a_list_and_a_label_in_words_are_shown_as_they_were_answered() -> None:
    result = as_result([row(0, extra={"many": True, "label": "malignant"})])
    assert result is not None
    assert [answer["label"] for answer in result["rows"]] == ["malignant"]


def test_the_times_read_as_in_the_answer() -> None:
    result = as_result([row(0, requested_at=MOMENT.replace(microsecond=20_000))])
    assert result is not None
    times = (result["requested_at"], result["scored_at"])
    assert times == ("2026-05-01T00:00:00.020+00:00", "2026-05-01T00:00:00.000+00:00")


def test_a_refused_request_shows_its_error_and_no_answer() -> None:
    error = {"code": "rate_limited", "message": "m"}
    result = as_result([row(0, None, status="rate_limited", error=error)])
    assert result is not None
    assert result["error"] == error
    assert "predictions" not in result


def test_promises_are_kept_for_their_owner_and_the_oldest_forgotten() -> None:
    underway = Underway(limit=2)
    for request_id in ("a", "b", "a", "c"):
        underway.add(request_id, "k")
    assert [underway.holds(request_id, "k") for request_id in "abc"] == [True, False, True]
    assert not underway.holds("a", "other")


@pytest.mark.contract("K5", "R7")
def test_rows_that_another_key_has_under_the_same_id_are_not_shown() -> None:
    result = as_result([row(0), row(1, 0.5, key_id="other")])
    assert result is not None
    assert result["predictions"] == [0.75, 0.25]
    assert "rows" not in result
