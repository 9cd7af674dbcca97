import numpy as np
import pytest

from models.metrics import best_threshold, quality

TRUTH = np.array([0, 0, 1, 0, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.9])


def test_the_threshold_is_the_score_with_the_best_f1() -> None:
    # From 0.3 on: 3 hits, 1 false alarm, F1 6/7; from 0.5 on: 2 hits, 1 miss, F1 4/5.
    assert best_threshold(TRUTH, SCORES) == pytest.approx(0.3)


def test_a_row_at_the_threshold_counts_as_positive() -> None:
    metrics = quality(TRUTH, SCORES, threshold=0.3)
    assert metrics["recall"] == 1.0
    assert metrics["precision"] == pytest.approx(3 / 4)
    assert metrics["f1"] == pytest.approx(6 / 7)
    assert metrics["accuracy"] == pytest.approx(5 / 6)


def test_the_base_rate_classifier_is_reported_for_comparison() -> None:
    metrics = quality(TRUTH, SCORES, threshold=0.3)
    assert metrics["base_rate"] == 0.5
    assert metrics["base_f1"] == pytest.approx(2 / 3)
    assert metrics["rows"] == 6


def test_a_threshold_above_all_scores_gives_zeros_not_nan() -> None:
    metrics = quality(TRUTH, SCORES, threshold=1.0)
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (0.0, 0.0, 0.0)


def test_certain_and_right_is_a_perfect_score() -> None:
    metrics = quality(TRUTH, TRUTH.astype(np.float64), threshold=0.5)
    assert (metrics["roc_auc"], metrics["brier"]) == (1.0, 0.0)
    assert metrics["log_loss"] == pytest.approx(0.0, abs=1e-12)
