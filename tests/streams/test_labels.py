"""Lines of ground truth, whoever sends them: what becomes of each."""

from typing import Any

import pytest

from schemas.keys import new_api_key
from streams.labels import MAX_LABEL_BYTES, MOST_FIELDS, Label, RefusedLine, label_in

pytestmark = pytest.mark.contract("F1")


def test_a_line_says_what_one_label_says() -> None:
    read = label_in(3, b'{"request_id": "r-1", "label": 1, "row": 2}')
    assert isinstance(read, Label)
    assert (read.line, read.feedback.request_id, read.feedback.label, read.feedback.row) == (3, "r-1", 1, 2)


def test_what_a_line_leaves_out_is_as_the_defaults_say() -> None:
    lines = [b'{"request_id": "r-1", "label": 1}', b'{"request_id": "r-1", "label": 1, "source": "crm"}']
    read = [label_in(1, line, {"source": "load"}) for line in lines]
    assert [label.feedback.source for label in read if isinstance(label, Label)] == ["load", "crm"]


@pytest.mark.parametrize(
    ("text", "field", "says", "got"),
    [
        (b'{"request_id": "r-1", "label": 2}', "label", "must be 0 or 1", "integer 2"),
        (b'{"request_id": "r-1", "label": NaN}', "label", "must be 0 or 1", "number nan"),
        (b'{"request_id": "r-1", "label": Infinity}', "label", "must be 0 or 1", "number inf"),
        (b'{"request_id": "r-1", "label": 1e400}', "label", "must be 0 or 1", "number inf"),
        (b'{"request_id": "r-1", "label": null}', "label", "must be 0 or 1", "null"),
        (b'{"label": 1}', "request_id", "is missing", "nothing"),
        (b'{"request_id": "r-1", "label": 1, "truth": 1}', "truth", "unknown field", "integer 1"),
        (b"[1]", "body", "must be an object", "array [1]"),
        (b"{", "body", "not JSON", ""),
        (b"\xff", "body", "not JSON", ""),
        (b"[" * 40, "body", "nested deeper", ""),
        (b'{"request_id": "' + b"r" * 10_000_000, "body", f"more than {MAX_LABEL_BYTES} bytes", ""),
    ],
    ids=lambda given: given[:20] if isinstance(given, bytes) else "",
)
def test_a_line_that_is_no_label_is_refused_by_field_and_reason(text: bytes, field: str, says: str, got: str) -> None:
    read = label_in(7, text)
    assert isinstance(read, RefusedLine)
    [wrong] = read.fields
    assert (read.line, wrong.field, wrong.got) == (7, field, got)
    assert says in wrong.reason


def test_every_offending_field_of_a_line_is_named() -> None:
    read = label_in(1, b'{"request_id": "", "label": 2, "row": -1, "source": "", "observed_at": "now"}')
    assert isinstance(read, RefusedLine)
    assert [wrong.field for wrong in read.fields] == ["request_id", "label", "row", "source", "observed_at"]


def test_a_line_of_many_offending_fields_names_some_and_counts_the_rest() -> None:
    more = ", ".join(f'"f{number}": 1' for number in range(100))
    read = label_in(1, f'{{"request_id": "r-1", "label": 1, {more}}}'.encode())
    assert isinstance(read, RefusedLine)
    assert len(read.fields) == MOST_FIELDS + 1
    assert (read.fields[-1].field, read.fields[-1].reason) == ("...", "and 95 more")


@pytest.mark.contract("K2")
@pytest.mark.parametrize("place", ["request_id", "label", "source", "other"])
def test_an_api_key_in_a_line_is_refused_and_not_repeated(place: str) -> None:
    api_key = new_api_key(test=True)
    value: dict[str, Any] = {"request_id": "r-1", "label": 1, place: api_key}
    read = label_in(1, str(value).replace("'", '"').encode())
    assert isinstance(read, RefusedLine)
    assert api_key not in str(read.as_json())
