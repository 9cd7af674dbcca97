import numpy as np
import pytest

from models.profile import reference_profile, typical_rows
from models.signature import LARGEST, Feature, Signature

SIGNATURE = Signature(
    (Feature("n", "int", minimum=0), Feature("c", "str", categories=("a", "b"))),
    target="y",
)


def test_numbers_are_counted_between_quantile_edges() -> None:
    column = np.arange(1000)
    matrix = np.stack([column, column % 3], axis=1).astype(np.float32)
    profile = reference_profile(SIGNATURE, matrix)["n"]
    assert len(profile["edges"]) == 9
    assert profile["counts"] == [100] * 10
    assert (profile["minimum"], profile["maximum"], profile["mean"]) == (0.0, 999.0, 499.5)


def test_a_value_on_an_edge_falls_into_the_lower_bin() -> None:
    matrix = np.array([[0, 1]] * 95 + [[7, 1]] * 5, dtype=np.float32)
    profile = reference_profile(SIGNATURE, matrix)["n"]
    assert profile["edges"] == [0.0]
    assert profile["counts"] == [95, 5]


def test_texts_are_counted_by_category_and_unseen_apart() -> None:
    matrix = np.array([[0, 1], [0, 2], [0, 2], [0, 0]], dtype=np.float32)
    assert reference_profile(SIGNATURE, matrix)["c"] == {
        "counts": {"a": 1, "b": 2},
        "unseen": 1,
        "missing": 0,
    }


def test_typical_rows_stay_within_what_was_seen() -> None:
    matrix = np.stack([np.arange(50), np.arange(50) % 3], axis=1).astype(np.float32)
    rows = typical_rows(SIGNATURE, reference_profile(SIGNATURE, matrix), rows=16)
    assert rows.shape == (16, 2)
    assert ((rows[:, 0] >= 0) & (rows[:, 0] <= 49) & (rows[:, 0] == np.round(rows[:, 0]))).all()
    assert set(rows[:, 1].tolist()) == {0.0, 1.0, 2.0}


@pytest.mark.parametrize(
    ("feature", "low", "high"),
    [
        (Feature("x", "float"), 0, 100),
        (Feature("x", "float", minimum=5), 5, 105),
        (Feature("x", "float", minimum=-50), -50, 100),
        (Feature("x", "float", maximum=50), -50, 50),
        (Feature("x", "float", minimum=0.25, maximum=0.5), 0.25, 0.5),
        (Feature("x", "int", minimum=0.5, maximum=3.9), 1, 3),
        (Feature("x", "float", minimum=-1e39, maximum=1e39), -LARGEST, LARGEST),
        (Feature("x", "str", categories=("a", "b")), 0, 2),
    ],
)
def test_without_a_profile_typical_rows_spread_from_bound_to_bound(feature: Feature, low: float, high: float) -> None:
    [column] = typical_rows(Signature((feature,), "y"), None).T
    assert (column.min(), column.max()) == (np.float32(low), np.float32(high))
    assert feature.type == "float" or (column == np.round(column)).all()
