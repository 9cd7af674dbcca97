from typing import Any

import pandas as pd
import pytest

from models.signature import Feature
from models.tabular import MOST_CATEGORIES, infer_signature, rows_of, truth_of
from schemas.errors import InvalidRequest

TABLE = pd.DataFrame(
    {
        "age": [30, 40, 50, 60],
        "height": [1.5, 2.0, 1.75, 1.0],
        "city": ["Rome", "Oslo", "Rome", "Bonn"],
        "member": [True, False, True, True],
        "left": ["yes", "no", "no", "yes"],
    }
)


def test_types_and_classes_are_read_from_the_table() -> None:
    signature = infer_signature(TABLE, "left")
    assert signature.features == (
        Feature("age", "int"),
        Feature("height", "float"),
        Feature("city", "str", categories=("Bonn", "Oslo", "Rome")),
        Feature("member", "int", minimum=0, maximum=1),
    )
    assert (signature.target, signature.classes) == ("left", ("no", "yes"))


def test_rows_come_out_in_plain_types() -> None:
    row = rows_of(TABLE, infer_signature(TABLE, "left"))[0]
    assert row == {"age": 30, "height": 1.5, "city": "Rome", "member": 1}
    assert [type(value) for value in row.values()] == [int, float, str, int]


@pytest.mark.parametrize(
    ("values", "classes", "truth"),
    [
        ([0, 1, 1, 0], (0, 1), [0, 1, 1, 0]),
        ([True, False, False, True], (0, 1), [1, 0, 0, 1]),
        ([2.0, 1.0, 1.0, 2.0], (1, 2), [1, 0, 0, 1]),
        (["b", "a", "a", "b"], ("a", "b"), [1, 0, 0, 1]),
    ],
)
def test_labels_of_any_kind_become_0_and_1(values: list[Any], classes: tuple[Any, Any], truth: list[int]) -> None:
    table = TABLE.assign(left=values)
    signature = infer_signature(table, "left")
    assert signature.classes == classes
    assert truth_of(table, "left", signature) == truth


def test_the_rarest_categories_share_the_reserved_code() -> None:
    frequent = [f"c{i}" for i in range(MOST_CATEGORIES)] * 2
    table = pd.DataFrame({"city": [*frequent, "rare"], "y": [0, *[1] * 2 * MOST_CATEGORIES]})
    (city,) = infer_signature(table, "y").features
    assert len(city.categories) == MOST_CATEGORIES
    assert "rare" not in city.categories


@pytest.mark.parametrize(
    ("table", "label", "problem"),
    [
        (TABLE, "gone", "no column 'gone' to learn: name one of age, height"),
        (TABLE.head(0), "left", "no rows"),
        (TABLE[["left"]], "left", "no features"),
        (TABLE.assign(left="no"), "left", "1 classes .'no'.: exactly two"),
        (TABLE.assign(left=[1, 2, 3, 3]), "left", "3 classes"),
        (TABLE.assign(height=[1.0, None, 2.0, None]), "left", "empty in height: fill or drop"),
        (TABLE.assign(left=["a", None, "b", "a"]), "left", "empty in left"),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_refused(table: pd.DataFrame, label: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        infer_signature(table, label)


def test_a_table_without_a_column_of_the_signature_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no column for age, city"):
        rows_of(TABLE.drop(columns=["age", "city"]), infer_signature(TABLE, "left"))


@pytest.mark.parametrize(
    ("table", "label", "problem"),
    [
        (TABLE, "gone", "name the label's column"),
        (TABLE.assign(left=["yes", "no", "maybe", "no"]), "left", "holds 'maybe': allowed are"),
        (TABLE.assign(left="yes"), "left", "one class only"),
    ],
)
def test_labels_outside_the_signature_are_refused(table: pd.DataFrame, label: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        truth_of(table, label, infer_signature(TABLE, "left"))
