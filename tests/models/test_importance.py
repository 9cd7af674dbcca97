"""What a feature's drift weighs is by how much the answers hang on it."""

from typing import Any

import numpy as np
import pytest

from models.bundle import Bundle
from models.importance import MOST_ROWS, Matrix, importance, importance_of
from models.signature import Feature, FloatVector, Signature

SIGNATURE = Signature((Feature("strong", "float"), Feature("weak", "float"), Feature("idle", "float")), "left")


def score(rows: Matrix) -> FloatVector:
    return (3.0 * rows[:, 0] + 1.0 * rows[:, 1]).astype(np.float64)


def rows(count: int = MOST_ROWS) -> Matrix:
    return np.random.default_rng(5).normal(size=(count, 3)).astype(np.float32)


def test_it_is_in_proportion_to_what_the_feature_moves() -> None:
    found = importance(SIGNATURE, score, rows(), seed=1)
    assert found == pytest.approx([0.75, 0.25, 0.0], abs=0.02)
    assert found.sum() == pytest.approx(1.0)


def test_several_classes_are_weighed_by_all_their_probabilities() -> None:
    def classes(given: Matrix) -> FloatVector:
        share = 1 / (1 + np.exp(-given[:, 1].astype(np.float64)))
        return np.column_stack([share, (1 - share) / 2, (1 - share) / 2])

    assert importance(SIGNATURE, classes, rows(), seed=1).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("answer", [0.5, np.nan])
def test_a_model_that_hears_no_feature_has_no_important_one(answer: float) -> None:
    found = importance(SIGNATURE, lambda given: np.full(len(given), answer), rows(100), seed=1)
    assert found.tolist() == [0.0, 0.0, 0.0]


def test_a_trained_bundle_tells_it_and_the_same_seed_tells_the_same(bundle: Bundle) -> None:
    found = importance_of(bundle.manifest.profile)
    assert found is not None
    assert set(found) == set(bundle.signature.names)
    assert sum(found.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "profile",
    [None, {"a": {}}, {"a": {"importance": 0.0}}, {"a": {"importance": 1.0}, "b": {}}, {"a": {"importance": "much"}}],
)
def test_what_does_not_tell_all_of_it_tells_none(profile: dict[str, Any] | None) -> None:
    assert importance_of(profile) is None


def test_the_answers_part_of_a_profile_is_no_feature() -> None:
    assert importance_of({"a": {"importance": 2.0}, "": {"mean": 1.0}}) == {"a": 2.0}
