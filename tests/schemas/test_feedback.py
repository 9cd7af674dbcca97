"""Ground truth: what is accepted, and what each refusal names."""

import pytest

from schemas.errors import InvalidRequest
from schemas.feedback import REQUIREMENTS, Feedback, read_feedback
from schemas.request import MAX_NAMED


def test_a_label_needs_its_request_and_nothing_else() -> None:
    feedback = read_feedback({"request_id": "r-1", "label": 1})
    assert (feedback.row, feedback.source, feedback.observed_at) == (0, "api", None)
    assert read_feedback({"request_id": "r-1", "label": 0, "observed_at": "2026-01-01T00:00:00Z"}).observed_at


@pytest.mark.contract("F1")
@pytest.mark.parametrize(
    ("change", "field", "reason", "got"),
    [
        ({"label": 2}, "label", "must be 0 or 1", "2"),
        ({"label": True}, "label", "must be 0 or 1", "boolean True"),
        ({"label": "1"}, "label", "must be 0 or 1", "'1'"),
        ({"label": 0.5}, "label", "must be 0 or 1", "0.5"),
        ({"request_id": "a b"}, "request_id", "must be a prediction's id", "'a b'"),
        ({"row": -1}, "row", "a whole number from 0 to 2147483647", "-1"),
        ({"row": 2**31}, "row", "a whole number from 0 to 2147483647", "2147483648"),
        ({"source": "a\x00b"}, "source", "without control characters", "a"),
        ({"observed_at": "2026-01-01T00:00:00"}, "observed_at", "must be a time with its zone", "2026-01-01T00:00:00"),
        ({"extra": 1}, "extra", "unknown field; known are request_id, label, row, source, observed_at", "1"),
    ],
)
def test_what_is_wrong_is_named_in_our_words(change: dict[str, object], field: str, reason: str, got: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_feedback({"request_id": "r-1", "label": 1, **change})
    [wrong] = caught.value.fields
    assert wrong.field == field
    assert reason in wrong.reason
    assert got in wrong.got


def test_each_missing_field_is_said_to_be_missing() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_feedback({})
    assert [item.as_json() for item in caught.value.fields] == [
        {"field": name, "reason": f"is missing: {REQUIREMENTS[name]}", "got": "nothing"}
        for name in ("request_id", "label")
    ]


def test_every_field_has_a_requirement_in_words() -> None:
    assert REQUIREMENTS.keys() == Feedback.model_fields.keys()


def test_a_refusal_names_a_bounded_number_of_fields() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_feedback({f"f{number}": 1 for number in range(1000)})
    assert len(caught.value.fields) == MAX_NAMED


def test_a_body_that_is_no_object_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_feedback([1])
    [wrong] = caught.value.fields
    assert (wrong.field, wrong.reason) == ("body", "must be an object with request_id and label")
