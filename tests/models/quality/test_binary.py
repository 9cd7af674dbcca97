import json
from itertools import permutations

import numpy as np
import pytest
from sklearn import metrics

from models.quality import BinaryQuality
from models.quality.binary import BINS, CELLS, NAMES, cell_of
from models.signature import FloatVector

Sample = tuple[FloatVector, FloatVector, FloatVector]


def sample(seed: int, rows: int = 3000) -> Sample:
    """Scores of a model that is too sure of itself, what it answered at 0.4, and the truth."""
    random = np.random.default_rng(seed)
    scores = random.beta(0.6, 1.0, rows)
    truth = (random.random(rows) < 0.15 + 0.7 * scores).astype(np.float64)
    return scores, (scores >= 0.4).astype(np.float64), truth


def same(one: BinaryQuality, other: BinaryQuality) -> bool:
    return one.to_json() == other.to_json()


@pytest.mark.contract("D5")
@pytest.mark.parametrize("seed", range(5))
def test_measures_are_those_of_scikit_learn(seed: int) -> None:
    scores, answers, truth = sample(seed)
    found = BinaryQuality.of(scores, answers, truth).measures()
    assert (found.rows, found.unusable, found.missing) == (3000, 0, {})
    assert tuple(found.values) == NAMES
    expected = {
        "accuracy": metrics.accuracy_score(truth, answers),
        "precision": metrics.precision_score(truth, answers),
        "recall": metrics.recall_score(truth, answers),
        "f1": metrics.f1_score(truth, answers),
        "log_loss": metrics.log_loss(truth, scores),
        "brier": metrics.brier_score_loss(truth, scores),
        "base_rate": truth.mean(),
        "mean_score": scores.mean(),
    }
    for name, value in expected.items():
        assert found.values[name] == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [1.0, 0.02])
def test_the_area_is_scikit_learns_within_the_error_it_states(seed: int, spread: float) -> None:
    """Also where all scores lie in twenty cells."""
    scores, answers, truth = sample(seed)
    scores = 0.3 + scores * spread * 0.7
    values = BinaryQuality.of(scores, answers, truth).measures().values
    off = abs(values["roc_auc"] - metrics.roc_auc_score(truth, scores))
    assert off <= values["roc_auc_error"] < 0.001 / spread


def test_scores_on_the_grid_have_the_exact_area_ties_and_all() -> None:
    random = np.random.default_rng(0)
    scores = (random.integers(0, 20, 500) * 50 + 25) / CELLS
    truth = (random.random(500) < scores).astype(np.float64)
    found = BinaryQuality.of(scores, truth, truth).measures()
    assert found.values["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)


def test_calibration_is_off_by_how_far_the_bins_are() -> None:
    scores, answers, truth = sample(1)
    bins = cell_of(scores) * BINS // CELLS
    gaps = [abs(scores[bins == i].mean() - truth[bins == i].mean()) * (bins == i).mean() for i in range(BINS)]
    found = BinaryQuality.of(scores, answers, truth).measures().values["calibration_error"]
    assert found == pytest.approx(sum(gaps), abs=1e-9)
    assert found > 0.05


@pytest.mark.contract("D2")
def test_parts_add_up_to_exactly_the_whole_in_any_order() -> None:
    whole = sample(2)
    parts = [BinaryQuality.of(*(column[i::3] for column in whole)) for i in range(3)]
    for first, second, third in permutations(parts):
        assert same(first + second + third, BinaryQuality.of(*whole))
        assert same(first + (second + third), BinaryQuality.of(*whole))


def test_a_window_survives_its_json() -> None:
    window = BinaryQuality.of(*sample(3))
    assert same(BinaryQuality.from_json(json.loads(json.dumps(window.to_json()))), window)
    assert same(BinaryQuality.from_json(BinaryQuality().to_json()), BinaryQuality())


def test_an_empty_window_says_so() -> None:
    found = BinaryQuality().measures()
    assert (found.rows, found.values) == (0, {})
    assert found.missing == dict.fromkeys(NAMES, "empty_window")


@pytest.mark.parametrize(
    ("answers", "truth", "missing"),
    [
        ([1, 0], [0, 0], {"recall": "nothing_is_yes", "roc_auc": "one_class", "roc_auc_error": "one_class"}),
        ([1, 0], [1, 1], {"roc_auc": "one_class", "roc_auc_error": "one_class"}),
        ([0, 0], [1, 0], {"precision": "nothing_answered_yes"}),
        (
            [0, 0],
            [0, 0],
            {
                "precision": "nothing_answered_yes",
                "recall": "nothing_is_yes",
                "f1": "neither_answered_nor_is_yes",
                "roc_auc": "one_class",
                "roc_auc_error": "one_class",
            },
        ),
    ],
)
def test_a_measure_that_cannot_be_says_why(answers: list[int], truth: list[int], missing: dict[str, str]) -> None:
    found = BinaryQuality.of(np.array([0.7, 0.2]), answers, truth).measures()
    assert found.missing == missing
    assert found.values.keys() | missing.keys() == set(NAMES)
    assert np.isfinite(list(found.values.values())).all()


def test_rows_without_a_score_an_answer_or_a_truth_are_counted_apart() -> None:
    scores = np.array([np.nan, -0.1, 1.1, np.inf, 0.5, 0.5, 0.5, 0.9])
    answers = [1, 1, 1, 1, np.nan, 2, 1, 1]
    truth = [1, 1, 1, 1, 1, 1, np.nan, 1]
    found = BinaryQuality.of(scores, answers, truth).measures()
    assert (found.rows, found.unusable, found.values["accuracy"]) == (1, 7, 1.0)


def test_certainties_that_are_wrong_have_a_finite_loss_as_scikit_learns() -> None:
    scores, truth = np.array([0.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0])
    found = BinaryQuality.of(scores, scores, truth).measures()
    assert found.values["log_loss"] == pytest.approx(metrics.log_loss(truth, scores), abs=1e-9)
