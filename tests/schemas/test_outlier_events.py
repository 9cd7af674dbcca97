import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.errors import Undecodable
from schemas.outlier_events import (
    OddFeature,
    OutlierEvent,
    OutlierRateEvent,
    OutlierResult,
    RateResult,
    encode_outlier,
    outlier_id,
    read_outlier,
)

AT = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)
ODD = (OddFeature("support_tickets_open", 40.0, 0.0, 0.2), OddFeature("payment_method", "barter", "paypal", 0.1))
EVENT = OutlierEvent(
    event_id=outlier_id("r-1", 0, "v1"),
    request_id="r-1",
    row=0,
    entity="c-42",
    model="churn",
    model_version="v1",
    timestamp=AT,
    outlier_result=OutlierResult("isolation_forest", 0.7, 0.6, 0.01, ODD),
)
RATE = OutlierRateEvent(
    event_id="e-2",
    model="churn",
    model_version="v1",
    timestamp=AT,
    rate_result=RateResult("isolation_forest", 1000, 40, 0.04, 0.01, 1e-9, AT, AT),
)


@pytest.mark.contract("D4")
def test_an_event_has_the_envelope_the_request_the_score_and_what_stands_out() -> None:
    data = json.loads(encode_outlier(EVENT))
    assert (data["event_type"], data["request_id"], data["outlier_result"]["score"]) == (
        "outliers_detected",
        "r-1",
        0.7,
    )
    assert [odd["feature"] for odd in data["outlier_result"]["features"]] == ["support_tickets_open", "payment_method"]


@pytest.mark.parametrize("event", [EVENT, RATE])
def test_events_survive_their_bytes(event: OutlierEvent | OutlierRateEvent) -> None:
    assert read_outlier(encode_outlier(event)) == event


def test_a_row_that_is_scored_again_has_the_same_event() -> None:
    assert outlier_id("r-1", 0, "v1") == EVENT.event_id
    others = {outlier_id("r-2", 0, "v1"), outlier_id("r-1", 1, "v1"), outlier_id("r-1", 0, "v2")}
    assert len(others | {EVENT.event_id}) == 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event_type": "drift_detected"}, "invalid"),
        ({"row": -1}, "invalid"),
        ({"timestamp": "2026-11-27T08:30:00"}, "invalid"),
        ({"request_id": None}, "invalid"),
        ({"outlier_result": {"score": 1.5}}, "invalid"),
    ],
)
def test_what_is_no_outlier_event_is_undecodable(change: dict[str, Any], reason: str) -> None:
    value = json.dumps(json.loads(encode_outlier(EVENT)) | change).encode()
    with pytest.raises(Undecodable, match="not an outlier event") as caught:
        read_outlier(value)
    assert caught.value.reason == reason


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_json_are_undecodable(value: bytes | None) -> None:
    with pytest.raises(Undecodable):
        read_outlier(value)
