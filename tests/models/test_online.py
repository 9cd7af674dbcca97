"""A learner that takes row after row: the same whatever stops it, and what a scorer serves of it."""

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.json import decode, encode

from models.churn import CHURN
from models.online import OnlineLearner, Weights, graph
from models.onnx import load
from models.signature import Feature, FloatVector, Signature
from models.training import Matrix, Truth, encoded
from tests.models.retraining.conftest import drifted

ROWS = 600
HUGE = 3e38
PLAIN = Signature((Feature("a", "float"), Feature("b", "float"), Feature("c", "str", categories=("x", "y"))), "y")


def rows_of(seed: int, rows: int = ROWS) -> tuple[Matrix, Truth]:
    found = drifted(rows, seed)
    return encoded(found.frame, CHURN), found.truth


def plain(seed: int, rows: int) -> tuple[Matrix, Truth]:
    """Those with a large `a` are positive."""
    random = np.random.default_rng(seed)
    matrix = np.column_stack([random.normal(5, 2, rows), random.normal(0, 9, rows), random.integers(0, 3, rows)])
    return matrix.astype(np.float32), (matrix[:, 0] > 5).astype(np.intp)


def learned(matrix: Matrix, truth: Truth, ends: Sequence[int] = (), signature: Signature = CHURN) -> OnlineLearner:
    """What has learned the rows, kept as JSON and resumed at each of the ends."""
    learner = OnlineLearner(signature)
    for part, answers in zip(np.split(matrix, ends), np.split(truth, ends), strict=True):
        learner = OnlineLearner(signature, decode(encode(learner.kept()), type=Weights))
        learner.learn(part, answers)
    return learner


@pytest.mark.contract("F4")
@pytest.mark.parametrize("seed", range(3))
def test_however_rows_are_parted_and_however_often_it_is_stopped_it_is_the_same_to_the_last_bit(seed: int) -> None:
    matrix, truth = rows_of(seed)
    random = np.random.default_rng(seed)
    whole = learned(matrix, truth).kept()
    assert whole.rows == ROWS
    for stops in (1, 7, 150):
        ends = np.sort(random.integers(0, ROWS + 1, stops)).tolist()
        assert encode(learned(matrix, truth, ends).kept()) == encode(whole)
    assert learned(matrix, truth, range(1, ROWS)).kept() == whole
    assert learned(matrix[::-1], truth[::-1]).kept() != whole


@pytest.mark.contract("F4")
def test_a_row_is_answered_before_it_is_learned() -> None:
    matrix, truth = rows_of(4)
    learner = OnlineLearner(CHURN)
    answers = learner.learn(matrix[:500], truth[:500])
    assert answers[0] == 0.5
    before = learner.score(matrix[500:501])
    assert learner.learn(matrix[500:501], truth[500:501]) == before
    assert learner.score(matrix[500:501]) != before


@pytest.mark.contract("F4")
@pytest.mark.parametrize("seed", range(3))
def test_its_bundle_answers_as_it_does(seed: int) -> None:
    matrix, truth = rows_of(seed)
    matrix[::7, CHURN.layout.text_columns] = 0  # categories that training did not know
    learner = learned(matrix, truth)
    served = load(graph(learner), CHURN).score(matrix)
    assert np.abs(served - learner.score(matrix)).max() < 1e-5
    assert served.std() > 0.2
    assert graph(learned(matrix, truth, [100])) == graph(learner)


def test_of_a_feature_that_had_one_value_so_far_neither_learner_nor_bundle_makes_anything() -> None:
    matrix, truth = plain(1, 300)
    matrix[:, 1] = 7
    learner = learned(matrix, truth, signature=PLAIN)
    matrix[:, 1] = np.linspace(-1e6, 1e6, 300)
    expected = learner.score(np.column_stack([matrix[:, 0], np.full(300, 7, dtype=np.float32), matrix[:, 2]]))
    assert np.array_equal(learner.score(matrix), expected)
    assert np.abs(load(graph(learner), PLAIN).score(matrix) - expected).max() < 1e-5


@pytest.mark.parametrize("strange", [HUGE, -HUGE])
def test_one_absurd_row_does_not_end_what_is_known_of_the_others(strange: float) -> None:
    matrix, truth = plain(2, 2000)
    learner = learned(matrix, truth, signature=PLAIN)
    learner.learn(np.array([[strange, strange, 0]], dtype=np.float32), np.array([0]))
    later, labels = plain(3, 500)
    learner.learn(*plain(4, 200))
    assert ((learner.score(later) > 0.5) == labels).mean() > 0.9
    assert np.isfinite(floats_of(learner.kept())).all()


def test_rows_that_are_all_far_from_the_former_ones_are_learned_from_within_some_dozens() -> None:
    matrix, truth = plain(5, 2000)
    learner = learned(matrix, truth, signature=PLAIN)
    moved, labels = plain(6, 3000)
    moved[:, 0] = moved[:, 0] * 100_000  # another unit
    answers = learner.learn(moved, labels)
    assert ((answers[-1000:] > 0.5) == labels[-1000:]).mean() > 0.8


def floats_of(kept: Weights) -> FloatVector:
    return np.array([*kept.means, *kept.variances, *kept.weights, kept.intercept])


def test_a_signature_without_numbers_is_learned_and_served_too() -> None:
    signature = Signature((Feature("c", "str", categories=("x", "y")),), "y")
    matrix = np.tile(np.array([[1], [2]], dtype=np.float32), (300, 1))
    learner = learned(matrix, np.tile([0, 1], 300), [11, 300], signature)
    low, high = load(graph(learner), signature).score(matrix[:2])
    assert low < 0.4 < 0.6 < high
    assert [low, high] == pytest.approx(learner.score(matrix[:2]))


def test_weights_of_another_signature_are_refused() -> None:
    with pytest.raises(ValueError, match="another signature"):
        OnlineLearner(PLAIN, learned(*rows_of(1, 60)).kept())
