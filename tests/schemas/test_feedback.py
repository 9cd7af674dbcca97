"""Ground truth: what is accepted, and what each refusal names."""

import pytest

from schemas.errors import InvalidRequest
from schemas.feedback import read_feedback


def test_a_label_needs_its_request_and_nothing_else() -> None:
    feedback = read_feedback({"request_id": "r-1", "label": 1})
    assert (feedback.row, feedback.source, feedback.observed_at) == (0, "api", None)
    assert read_feedback({"request_id": "r-1", "label": 0, "observed_at": "2026-01-01T00:00:00Z"}).observed_at


@pytest.mark.contract("F1")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label": 2}, "label"),
        ({"label": True}, "label"),
        ({"label": "1"}, "label"),
        ({"label": 0.5}, "label"),
        ({"request_id": "a b"}, "request_id"),
        ({"row": -1}, "row"),
        ({"row": 2**31}, "row"),
        ({"source": "a\x00b"}, "source"),
        ({"observed_at": "2026-01-01T00:00:00"}, "observed_at"),
        ({"extra": 1}, "extra"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_feedback({"request_id": "r-1", "label": 1, **change})
    assert [item.field for item in caught.value.fields] == [field]


def test_a_body_that_is_no_object_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_feedback([1])
    assert caught.value.fields[0].field == "body"
