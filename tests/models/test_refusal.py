import json
from typing import Any

import pytest

from models.churn import CHURN
from models.refusal import SHOWN, UNKNOWN_NAMED, describe, explain, requirement
from models.signature import Feature
from models.simulate import customer_rows
from schemas.errors import FieldError


@pytest.mark.contract("R1")
def test_every_offending_field_is_named_in_signature_order_then_unknown_ones() -> None:
    (row,) = customer_rows(1, seed=0)
    row |= {"failed_payment_count": 1.5, "email_open_rate": "0.3", "extra": 1, "total_orders": True}
    del row["shipping_method"]
    assert [error.field for error in explain(CHURN, row)] == [
        "total_orders",
        "email_open_rate",
        "shipping_method",
        "failed_payment_count",
        "extra",
    ]


@pytest.mark.contract("R1")
def test_a_refusal_names_the_bound_the_type_and_the_value() -> None:
    (row,) = customer_rows(1, seed=0)
    (error,) = explain(CHURN, row | {"email_open_rate": 1.5})
    assert error == FieldError("email_open_rate", "must be a number from 0 to 1, both included", "number 1.5")


@pytest.mark.contract("R1")
def test_a_missing_field_is_told_what_it_should_be() -> None:
    (row,) = customer_rows(1, seed=0)
    del row["total_orders"]
    assert explain(CHURN, row) == (FieldError("total_orders", "is missing: must be an integer >= 0", "nothing"),)


@pytest.mark.parametrize("value", [1e39, float("nan"), float("inf"), 10**400], ids=["1e39", "nan", "inf", "10**400"])
def test_a_number_that_no_32_bit_float_holds_is_told_so(value: float) -> None:
    (row,) = customer_rows(1, seed=0)
    (error,) = explain(CHURN, row | {"total_revenue": value})
    assert error.reason == "must be a number >= 0, finite as a 32-bit float"


@pytest.mark.parametrize(
    ("feature", "sentence"),
    [
        (Feature("x", "str", categories=("a",)), "must be a string"),
        (Feature("x", "int"), "must be an integer"),
        (Feature("x", "float", minimum=-2), "must be a number >= -2"),
        (Feature("x", "float", maximum=0.5), "must be a number <= 0.5"),
        (Feature("x", "float", 0.0, 123456789.25), "must be a number from 0 to 123456789.25, both included"),
    ],
)
def test_requirements_read_as_sentences(feature: Feature, sentence: str) -> None:
    assert requirement(feature) == sentence


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "boolean true"),
        (3, "number 3"),
        (3.5, "number 3.5"),
        (float("nan"), "number NaN"),
        ("12", 'string "12"'),
        ([1, 2], "array [1, 2]"),
        ({"a": 1}, "object {'a': 1}"),
    ],
)
def test_values_are_shown_with_their_json_type(value: Any, shown: str) -> None:
    assert describe(value) == shown


def test_a_number_too_long_to_print_is_measured() -> None:
    assert describe(10**5000) == "number of 16610 bits"


def test_text_that_is_no_utf8_is_shown_as_text_that_is() -> None:
    assert describe("\ud800") == 'string "\\ud800"'
    assert explain(CHURN, {"\ud800": 1})[-1].field == "\\ud800"


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, ["y" * 10**5] * 9, {"z" * 10**5: 1}, "\x00" * 10**5, 10**60],
    ids=["string", "array", "object", "escapes", "number"],
)
def test_long_values_are_cut(value: Any) -> None:
    assert len(describe(value)) < SHOWN + 20


def test_deep_values_do_not_exhaust_the_stack() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert describe(deep) == "array [[[...]]]"


def test_a_refusal_of_very_many_unknown_fields_stays_small() -> None:
    (row,) = customer_rows(1, seed=0)
    errors = explain(CHURN, row | {f"{i}{'n' * 200}": i for i in range(5000)})
    assert len(errors) == UNKNOWN_NAMED + 1
    assert errors[-1].reason.startswith(f"and {5000 - UNKNOWN_NAMED} more unknown fields")
    assert len(json.dumps([error.as_json() for error in errors])) < 20_000
