"""A result in its usual form is the row that the exact path makes of it, or goes that path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from agents.persist import read_result, read_rows
from agents.result_rows import stored_rows
from agents.usual_result import usual_row
from schemas.message import Record
from schemas.stored import StoredPrediction
from schemas.wire import encode
from tests.agents.sink import MOMENT, batch_of
from tests.agents.test_persist import refused, result

ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63)]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.just([]),
    st.just({}),
    st.just({"a": {"b": 1}}),
    st.lists(st.floats(0, 1), max_size=3),
)
CHANGED = st.sampled_from([*result(), "rows", "outlier", "explanation", "error", "fraud_probability", "spend_value"])
NAMES = st.sampled_from(["total_orders", "ä", "churn_probability", "predictions"])


def record(value: bytes) -> Record:
    return batch_of(value).records[0]


def exact(value: bytes) -> list[StoredPrediction] | None:
    """By the exact path; None where it refuses."""
    try:
        return stored_rows(read_result(record(value)))
    except Exception:
        return None


def in_json(rows: list[StoredPrediction] | None) -> list[bytes]:
    """As they are stored: 1 is neither 1.0 nor true."""
    return [encode(asdict(row)) for row in rows or ()]


@given(changes=st.dictionaries(CHANGED, ANY, max_size=3), features=st.dictionaries(NAMES, ANY, max_size=3))
def test_it_is_what_the_exact_path_finds(changes: dict[str, Any], features: dict[str, Any]) -> None:
    try:
        value = encode({**result(), "features": features, **changes})
    except TypeError:
        return  # no JSON holds it
    row = usual_row(value)
    assert row is None or in_json([row]) == in_json(exact(value))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"outlier": True},
        {"outlier": False},
        {"entity": None},
        {"entity": "é" * 300},
        {"label": None, "risk_score": None},
        {"latency_ms": 0.5},
        {"features": {"a": 1, "b": 1.5, "c": "x", "d": True, "e": None}},
        {"requested_at": "2026-03-01T14:30:00.125+02:00"},
    ],
)
def test_what_scorers_tell_is_usual(changes: dict[str, Any]) -> None:
    value = encode(result(**changes))
    row = usual_row(value)
    assert row is not None
    assert in_json([row]) == in_json(exact(value))


@pytest.mark.parametrize(
    "value",
    [
        encode(refused("r", "invalid")),
        encode(result(rows=[])),
        encode(result(explanation={"a": 1})),
        encode(result(label="yes")),
        encode(result(predictions=[0.1, 0.2, 0.7])),
        encode(result(features={"a": [1]})),
        encode(result(features={"a": "\x00"})),
        encode(result(features={"a": 1})).replace(b'"a":1', b'"a":1' + b"0" * 20),
        encode(result(features={"a": 1})).replace(b'"a":1', b'"a":1e400'),
        encode(result(features={"a": 1})).replace(b'"a":1', b'"a":NaN'),
        encode(result(requested_at=MOMENT.replace(tzinfo=None))),
        encode(result(surprise=1)),
        encode(result(fraud_probability=0.5)),
        encode(result()).replace(b"c-42", b"\xff"),
        encode(result())[:-1],
        b"",
        b"null",
        b'{"predictions":[1],"churn_probability":',
    ],
)
def test_what_is_otherwise_takes_the_exact_path(value: bytes) -> None:
    assert usual_row(value) is None


def test_a_record_is_read_by_whichever_can() -> None:
    whole, words = encode(result()), encode(result(label="yes"))
    assert read_rows(record(whole)) == (usual_row(whole),)
    assert read_rows(record(words)) == exact(words)
