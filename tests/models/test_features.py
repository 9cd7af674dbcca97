import json
from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from models.churn import CHURN
from models.features import encode
from models.refusal import explain
from models.signature import LARGEST, Feature, Signature
from models.simulate import customer_rows

SMALL = Signature(
    (
        Feature("count", "int", minimum=0, maximum=2**53),
        Feature("colour", "str", categories=("blue", "red")),
        Feature("rate", "float", minimum=0, maximum=1),
        Feature("free", "float"),
    ),
    target="y",
)
GOOD: dict[str, Any] = {"count": 3, "colour": "red", "rate": 0.5, "free": -7}


def refused_fields(**changes: Any) -> list[str]:
    return [error.field for error in encode(SMALL, [GOOD | changes]).errors.get(0, ())]


def test_a_valid_row_becomes_float32_in_signature_order() -> None:
    encoded = encode(SMALL, [GOOD])
    assert encoded.matrix.dtype == np.float32
    assert encoded.matrix.tolist() == [[3.0, 2.0, 0.5, -7.0]]
    assert encoded.errors == {}


def test_no_rows_are_an_empty_matrix() -> None:
    assert encode(SMALL, []).matrix.shape == (0, 4)


@pytest.mark.contract("R1")
@pytest.mark.parametrize("changes", [{"rate": 0}, {"rate": 0.0}, {"rate": 1}, {"rate": 1.0}, {"count": 0}])
def test_bounds_are_inclusive(changes: dict[str, Any]) -> None:
    assert refused_fields(**changes) == []


@pytest.mark.contract("R1")
@pytest.mark.parametrize("value", [-1e-12, 1.0000000001, -1, 2, float(np.nextafter(1.0, 2.0))])
def test_a_value_just_outside_its_bounds_is_refused(value: float) -> None:
    assert refused_fields(rate=value) == ["rate"]


@pytest.mark.contract("R1")
@pytest.mark.parametrize("value", [3, 3.0])
def test_a_whole_float_is_an_integer(value: float) -> None:
    assert encode(SMALL, [GOOD | {"count": value}]).matrix[0, 0] == 3.0


@pytest.mark.contract("R1")
@pytest.mark.parametrize(
    "value",
    [3.5, float("nan"), float("inf"), float("-inf"), "3", "", True, False, None, [3], {"value": 3}, 10**400],
    ids=repr,
)
@pytest.mark.parametrize("field", ["count", "rate", "free"])
def test_what_is_no_such_number_is_refused(field: str, value: Any) -> None:
    if (field, value) != ("free", 3.5):
        assert refused_fields(**{field: value}) == [field]


@pytest.mark.contract("R1")
@pytest.mark.parametrize("value", [3, 3.5, True, None, ["red"], {}], ids=repr)
def test_what_is_no_string_is_refused_for_a_category(value: Any) -> None:
    assert refused_fields(colour=value) == ["colour"]


@pytest.mark.contract("R1")
def test_the_largest_float32_fits_and_the_next_double_does_not() -> None:
    assert refused_fields(free=LARGEST) == []
    assert refused_fields(free=-LARGEST) == []
    assert refused_fields(free=float(np.nextafter(LARGEST, np.inf))) == ["free"]


@pytest.mark.contract("R1")
def test_missing_and_unknown_fields_are_refused() -> None:
    assert [e.field for e in encode(SMALL, [{"count": 1, "colour": "red", "free": 0}]).errors[0]] == ["rate"]
    assert refused_fields(other=1) == ["other"]
    renamed = {"count": 1, "colour": "red", "free": 0, "Rate": 1}
    assert [e.field for e in encode(SMALL, [renamed]).errors[0]] == ["rate", "Rate"]


@pytest.mark.contract("R1")
@pytest.mark.parametrize("row", [None, 3, "text", [], [1, 2, 3, 4], True], ids=repr)
def test_a_row_that_is_no_object_is_refused_alone(row: Any) -> None:
    encoded = encode(SMALL, [GOOD, row, GOOD])
    assert list(encoded.errors) == [1]
    assert encoded.matrix[[0, 2]].tolist() == [[3.0, 2.0, 0.5, -7.0]] * 2


@pytest.mark.contract("R1")
def test_refused_rows_leave_the_others_as_they_were_and_stay_finite() -> None:
    rows = customer_rows(40, seed=1)
    clean = encode(CHURN, rows).matrix
    rows[3] |= {"total_orders": -1}
    rows[17] |= {"email_open_rate": "0.3", "payment_method": 7}
    rows[39].pop("returns_count")
    encoded = encode(CHURN, rows)
    assert list(encoded.errors) == [3, 17, 39]
    assert [error.field for error in encoded.errors[17]] == ["email_open_rate", "payment_method"]
    others = [i for i in range(40) if i not in encoded.errors]
    assert np.array_equal(encoded.matrix[others], clean[others])
    assert np.isfinite(encoded.matrix).all()


@pytest.mark.contract("R2")
def test_unseen_categories_get_the_reserved_code_and_are_counted() -> None:
    rows = [GOOD, GOOD | {"colour": "green"}, GOOD | {"colour": ""}, GOOD | {"colour": "blue"}]
    encoded = encode(SMALL, rows)
    assert encoded.errors == {}
    assert encoded.matrix[:, 1].tolist() == [2.0, 0.0, 0.0, 1.0]
    assert encoded.unseen == Counter(colour=2)


@pytest.mark.contract("R2")
def test_refused_rows_do_not_count_as_unseen() -> None:
    assert encode(SMALL, [GOOD | {"colour": "green", "rate": 2}]).unseen == Counter()


@pytest.mark.contract("R4")
def test_key_order_is_irrelevant() -> None:
    rows = customer_rows(5, seed=2)
    turned = [dict(reversed(row.items())) for row in rows]
    assert np.array_equal(encode(CHURN, rows).matrix, encode(CHURN, turned).matrix)


@pytest.mark.parametrize(
    "feature", [Feature("only", "int"), Feature("only", "str", categories=("a",))], ids=["number", "text"]
)
def test_one_feature_is_enough(feature: Feature) -> None:
    good: Any = 1 if feature.type == "int" else "a"
    encoded = encode(Signature((feature,), target="y"), [{"only": good}, {"only": None}, {}])
    assert encoded.matrix[0].tolist() == [1.0]
    assert list(encoded.errors) == [1, 2]


def as_text(row: Any) -> Raw:
    return Raw(json.dumps(row, allow_nan=False, ensure_ascii=False).encode())


@pytest.mark.contract("R1", "R4")
def test_rows_left_as_text_are_encoded_like_decoded_ones() -> None:
    rows = customer_rows(40, seed=3)
    assert np.array_equal(encode(CHURN, [as_text(row) for row in rows]).matrix, encode(CHURN, rows).matrix)
    awkward = Signature((Feature("mean radius", "float"), Feature('a "b"', "str", categories=("ä",))), target="y")
    assert encode(awkward, [as_text({"mean radius": 2, 'a "b"': "ä"})]).matrix.tolist() == [[2.0, 1.0]]


@pytest.mark.contract("R1")
@pytest.mark.parametrize("text", [b"1" + b"0" * 400, b"-1" + b"0" * 5000, b"1e999"], ids=["400", "5000", "1e999"])
def test_text_of_a_number_past_every_bound_is_refused(text: bytes) -> None:
    row = Raw(b'{"count": 3, "colour": "red", "rate": 0.5, "free": %s}' % text)
    assert [error.field for error in encode(SMALL, [row, as_text(GOOD)]).errors[0]] == ["free"]


numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([2**53, 2**53 + 1, 2**53 + 2, 10**39, 10**400, LARGEST, 1.0, -0.0]),
    st.floats(),
    st.floats(-0.1, 1.1),
)
anything = st.one_of(numbers, st.booleans(), st.none(), st.text(max_size=4), st.lists(st.integers(), max_size=2))


@st.composite
def rows(draw: st.DrawFn) -> Any:
    """A good row with up to two spoiled fields, so that both answers are frequent."""
    row = dict(GOOD)
    for name in draw(st.lists(st.sampled_from([*GOOD, "other"]), max_size=2)):
        if draw(st.booleans()):
            row[name] = draw(anything)
        else:
            row.pop(name, None)
    return draw(st.one_of(st.just(row), st.just(row), st.just(row), anything))


@pytest.mark.no_cover
@pytest.mark.contract("R1")
@settings(max_examples=400, deadline=None)
@given(st.lists(rows(), max_size=6))
def test_the_fast_path_accepts_exactly_what_the_exact_one_does(batch: list[Any]) -> None:
    encoded = encode(SMALL, batch)
    with suppress(ValueError):  # JSON has no NaN
        texts = encode(SMALL, [as_text(row) for row in batch])
        assert np.array_equal(texts.matrix, encoded.matrix)
        assert {i: [e.field for e in errors] for i, errors in texts.errors.items()} == {
            i: [e.field for e in errors] for i, errors in encoded.errors.items()
        }
    explained = {i: found for i, row in enumerate(batch) if (found := explain(SMALL, row))}
    assert encoded.errors == explained
    for i, row in enumerate(batch):
        if i not in explained:
            colour = {"blue": 1, "red": 2}.get(row["colour"], 0)
            expected = np.array([row["count"], colour, row["rate"], row["free"]], dtype=np.float64)
            assert np.array_equal(encoded.matrix[i], expected.astype(np.float32))
