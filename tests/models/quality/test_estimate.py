"""What is expected of answers whose truth is not known, and how near it comes once it is."""

import json
from itertools import permutations

import numpy as np
import pytest

from models.quality import Answered, BinaryQuality, Calibration, corrected, estimate
from models.quality.estimate import NAMES
from models.signature import FloatVector


def answered(seed: int, rows: int = 20_000, shift: float = 1.0) -> tuple[FloatVector, FloatVector, np.random.Generator]:
    random = np.random.default_rng(seed)
    scores = random.beta(shift, 2.0, rows)
    return scores, (scores >= 0.4).astype(np.float64), random


@pytest.mark.contract("D5")
@pytest.mark.parametrize("shift", [1.0, 0.4, 3.0])
def test_of_calibrated_scores_the_estimate_is_what_labels_show_later(shift: float) -> None:
    """Also of other rows than usual; within what 20 000 labels vary."""
    scores, answers, random = answered(1, shift=shift)
    truth = (random.random(len(scores)) < scores).astype(np.float64)
    estimated, realised = estimate(Answered.of(scores, answers)), BinaryQuality.of(scores, answers, truth).measures()
    moved = corrected(estimated, realised)
    assert tuple(moved) == tuple(sorted(NAMES))
    assert max(map(abs, moved.values())) < 0.02


def too_sure(scores: FloatVector, random: np.random.Generator) -> FloatVector:
    return (random.random(len(scores)) < 0.3 + 0.4 * scores).astype(np.float64)


def test_scores_that_are_off_are_put_right_by_labels_of_before() -> None:
    scores, answers, random = answered(2)
    known = BinaryQuality.of(scores, answers, too_sure(scores, random))
    later, said, random = answered(3)
    realised = BinaryQuality.of(later, said, too_sure(later, random)).measures()
    given = Answered.of(later, said)
    plain = corrected(estimate(given), realised)
    put_right = corrected(estimate(given, Calibration.learned(known)), realised)
    assert abs(plain["accuracy"]) > 0.1
    assert max(map(abs, put_right.values())) < 0.02


def test_a_calibration_rises_also_where_chance_has_it_fall() -> None:
    scores = np.repeat([0.05, 0.15, 0.25, 0.95], [100, 10, 100, 50])
    truth = np.concatenate([np.arange(100) < 20, np.ones(10), np.arange(100) < 25, np.ones(50)])
    learned = Calibration.learned(BinaryQuality.of(scores, truth, truth))
    assert learned.scores == pytest.approx((0.05, 0.15, 0.25, 0.95))
    assert learned.shares == pytest.approx((0.2, 35 / 110, 35 / 110, 1.0))  # each row counts once
    assert learned.shares_of(np.array([0.0, 0.05, 0.95, 1.0])) == pytest.approx([0.2, 0.2, 1.0, 1.0])


def test_without_labels_of_before_a_score_is_the_share() -> None:
    scores = np.array([0.0, 0.3, 1.0])
    assert Calibration.learned(BinaryQuality()).shares_of(scores).tolist() == scores.tolist()


def test_the_expected_counts_are_the_sums_of_the_scores() -> None:
    found = estimate(Answered.of(np.array([0.9, 0.6, 0.2, 0.1]), [1, 1, 0, 0]))
    assert found.values["precision"] == pytest.approx(1.5 / 2)
    assert found.values["recall"] == pytest.approx(1.5 / 1.8)
    assert found.values["accuracy"] == pytest.approx((1.5 + 1.7) / 4)
    assert found.values["base_rate"] == pytest.approx(1.8 / 4)


def test_parts_add_up_to_exactly_the_whole_and_survive_json() -> None:
    scores, answers, _ = answered(4, rows=999)
    whole = Answered.of(scores, answers).to_json()
    parts = [Answered.of(scores[i::3], answers[i::3]) for i in range(3)]
    for first, second, third in permutations(parts):
        assert (first + second + third).to_json() == whole
    assert Answered.from_json(json.loads(json.dumps(whole))).to_json() == whole


def test_nothing_and_rows_that_cannot_be_used_say_so() -> None:
    found = estimate(Answered.of(np.array([np.nan, 1.5, 0.5]), [1, 0, np.nan]))
    assert (found.rows, found.unusable, found.values) == (0, 3, {})
    assert found.missing == dict.fromkeys(NAMES, "empty_window")


def test_certainty_of_one_class_has_no_area() -> None:
    found = estimate(Answered.of(np.zeros(5), np.zeros(5)))
    assert found.missing == {
        "precision": "nothing_answered_yes",
        "recall": "nothing_is_yes",
        "f1": "neither_answered_nor_is_yes",
        "roc_auc": "one_class",
    }
    assert found.values == {"accuracy": 1.0, "base_rate": 0.0}
    assert "roc_auc" not in corrected(found, found)
