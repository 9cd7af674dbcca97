import numpy as np
import pytest

from models.profile import ANSWERS, answer_column, answer_feature, reference_profile, typical_rows
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


def test_numbers_are_counted_on_a_finer_grid_too() -> None:
    column = np.arange(1000)
    matrix = np.stack([column, column % 3], axis=1).astype(np.float32)
    profile = reference_profile(SIGNATURE, matrix)["n"]
    edges = profile["grid"]["edges"]
    assert len(edges) > 90
    assert (edges[0], edges[-1], sum(profile["grid"]["counts"])) == (-1, 999, 1000)
    assert profile["distinct"] == 1000


def test_an_edge_comes_back_as_the_float32_that_it_was() -> None:
    column = np.random.default_rng(4).lognormal(size=3000).astype(np.float32)
    profile = reference_profile(Signature((Feature("x", "float"),), "y"), column[:, None])["x"]
    edges = np.array(profile["grid"]["edges"], dtype=np.float32)
    cells = np.bincount(np.searchsorted(edges, column))[1:]
    assert cells.tolist() == profile["grid"]["counts"]
    assert max(len(repr(edge)) for edge in profile["grid"]["edges"]) < 17


def test_missing_values_are_counted_apart_and_all_of_them_may_be() -> None:
    matrix = np.array([[1, 1], [np.nan, np.nan], [3, 0]], dtype=np.float32)
    profile = reference_profile(SIGNATURE, matrix)
    assert (profile["n"]["missing"], profile["n"]["mean"]) == (1, 2.0)
    assert (profile["c"]["missing"], profile["c"]["unseen"]) == (1, 1)
    nothing = reference_profile(SIGNATURE, np.full((3, 2), np.nan, dtype=np.float32))["n"]
    assert (nothing["missing"], nothing["distinct"], nothing["mean"]) == (3, 0, 0.0)


@pytest.mark.parametrize(
    ("signature", "scores", "name", "column"),
    [
        (Signature(SIGNATURE.features, "y"), [0.25, np.nan], "y_probability", [0.25, np.nan]),
        (Signature(SIGNATURE.features, "y", (), "regression"), [1e300, -2.0], "y_value", [np.inf, -2.0]),
        (
            Signature(SIGNATURE.features, "y", ("a", "b", "c"), "multiclass"),
            [[0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [np.nan] * 3],
            "label",
            [3, 1, np.nan],
        ),
    ],
)
def test_answers_are_a_column_under_the_name_that_results_have(
    signature: Signature, scores: list[float], name: str, column: list[float]
) -> None:
    assert answer_feature(signature).name == name
    found = answer_column(signature, np.array(scores))
    assert found.dtype == np.float32
    assert np.array_equal(found, column, equal_nan=True)


def test_answers_stand_in_the_profile_where_no_feature_can() -> None:
    matrix = np.ones((4, 2), dtype=np.float32)
    profile = reference_profile(SIGNATURE, matrix, np.array([0.1, 0.2, 0.3, 0.4]))
    assert profile[ANSWERS]["mean"] == pytest.approx(0.25)
    assert ANSWERS not in reference_profile(SIGNATURE, matrix)
    with pytest.raises(ValueError, match="a feature needs a name"):
        Feature(ANSWERS, "float")


def test_classes_that_read_alike_are_told_apart() -> None:
    signature = Signature(SIGNATURE.features, "y", (1, "1", 2), "multiclass")
    assert answer_feature(signature).categories == ("1", "'1'", "2")
