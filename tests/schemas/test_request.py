"""The request's form: what is read, and what each refusal names."""

import time
import uuid
from typing import Any

import pytest

from schemas.errors import InvalidRequest
from schemas.request import MAX_NAMED, MAX_ROWS, describe, is_entity, is_request_id, new_request_id, read_request


def test_one_feature_object_is_one_row() -> None:
    request = read_request({"entity": "c-1", "model": "churn", "features": {"a": 1}})
    assert (request.entity, request.model, request.rows, request.many) == ("c-1", "churn", [{"a": 1}], False)


@pytest.mark.contract("R4")
def test_several_rows_keep_their_order() -> None:
    request = read_request({"entity": "c-1", "rows": [{"a": 1}, {"a": 2}]})
    assert request.rows == [{"a": 1}, {"a": 2}]
    assert request.many


def test_the_records_key_stands_in_for_a_missing_entity() -> None:
    assert read_request({"features": {}}, "c-9").entity == "c-9"


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ([], ["body"]),
        ({"features": {}}, ["entity"]),
        ({"entity": "", "features": {}}, ["entity"]),
        ({"entity": "a\nb", "features": {}}, ["entity"]),
        ({"entity": 7, "features": {}}, ["entity"]),
        ({"entity": "c-1", "model": "", "features": {}}, ["model"]),
        ({"entity": "c-1", "model": 3, "features": {}}, ["model"]),
        ({"entity": "c-1"}, ["features"]),
        ({"entity": "c-1", "features": {}, "rows": [{}]}, ["rows"]),
        ({"entity": "c-1", "rows": []}, ["rows"]),
        ({"entity": "c-1", "rows": {}}, ["rows"]),
        ({"entity": "c-1", "rows": [{}] * (MAX_ROWS + 1)}, ["rows"]),
        ({"entity": "c-1", "features": {}, "extra": 1, "more": 2}, ["extra", "more"]),
        ({"entity": 1, "model": 2, "other": 3}, ["entity", "model", "other", "features"]),
    ],
)
def test_a_refusal_names_every_offending_field(value: Any, fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(value)
    assert [item.field for item in caught.value.fields] == fields
    assert all(item.reason and item.got for item in caught.value.fields)


def test_an_entity_that_differs_from_the_records_key_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request({"entity": "c-1", "features": {}}, "c-2")
    assert "key" in caught.value.fields[0].reason


def test_a_refusal_does_not_outgrow_the_request() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request({"entity": "c", "features": {}, **{f"f{i}": i for i in range(5000)}})
    assert len(caught.value.fields) == MAX_NAMED


@pytest.mark.parametrize("good", [b"a", b"01-aB._:~+/=@", b"x" * 128, b"sk_test_1"])
def test_request_ids_that_are_accepted(good: bytes) -> None:
    assert is_request_id(good)


KEY = b"sk_live_" + b"A" * 43


@pytest.mark.parametrize(
    "bad", [b"", b"x" * 129, b"a b", b"a\n", b"\xff", b'a"', KEY, b"order:" + KEY, b"sk_live_" + KEY + b"=1"]
)
def test_request_ids_that_are_not(bad: bytes) -> None:
    assert not is_request_id(bad)


def test_entities_hold_no_control_characters() -> None:
    assert is_entity("Zoë 客户")
    assert not is_entity("a\x00")
    assert not is_entity("x" * 257)


def test_new_request_ids_are_uuid7_and_grow_with_time() -> None:
    first = uuid.UUID(new_request_id())
    assert first.version == 7
    assert first.variant == uuid.RFC_4122
    assert abs((first.int >> 80) - time.time() * 1000) < 5000
    assert len({new_request_id() for _ in range(1000)}) == 1000


def test_values_are_described_by_type_and_shortened() -> None:
    assert describe(None) == "null"
    assert describe("5") == "string '5'"
    assert describe(True) == "boolean True"
    assert len(describe("x" * 1000)) < 80
