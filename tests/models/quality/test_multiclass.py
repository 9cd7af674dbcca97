import json

import numpy as np
import pytest
from sklearn import metrics

from models.quality import MulticlassQuality
from models.quality.multiclass import NAMES


@pytest.mark.contract("D5")
@pytest.mark.parametrize("classes", [3, 7])
def test_measures_are_those_of_scikit_learn_and_parts_add_up(classes: int) -> None:
    random = np.random.default_rng(classes)
    probabilities = random.dirichlet(np.full(classes, 0.5), 900)
    truth = random.integers(0, classes - 1, 900)  # the last one never is
    whole = MulticlassQuality.of(probabilities, truth)
    values = whole.measures().values
    answers = probabilities.argmax(axis=1)
    assert values["accuracy"] == metrics.accuracy_score(truth, answers)
    assert values["macro_f1"] == pytest.approx(metrics.f1_score(truth, answers, average="macro"), abs=1e-12)
    assert values["log_loss"] == pytest.approx(metrics.log_loss(truth, probabilities, labels=range(classes)), abs=1e-9)
    parts = [MulticlassQuality.of(probabilities[i::3], truth[i::3]) for i in range(3)]
    assert (parts[2] + (parts[0] + parts[1])).to_json() == whole.to_json()
    assert MulticlassQuality.from_json(json.loads(json.dumps(whole.to_json()))).to_json() == whole.to_json()


def test_a_class_that_neither_is_nor_is_answered_does_not_count() -> None:
    found = MulticlassQuality.of(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]), [0, 1]).measures()
    assert found.values["macro_f1"] == 1.0


def test_an_empty_window_and_rows_that_cannot_be_used_say_so() -> None:
    nothing = MulticlassQuality.of(np.empty((0, 3)), [])
    assert nothing.measures().missing == dict.fromkeys(NAMES, "empty_window")
    spoilt = MulticlassQuality.of(np.array([[np.nan, 0.5, 0.5], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]]), [0, 3, np.nan])
    assert (spoilt.measures().rows, spoilt.measures().unusable) == (0, 3)
