import json

import numpy as np
import pytest
from sklearn import metrics

from models.quality import RegressionQuality
from models.quality.regression import NAMES


@pytest.mark.contract("D5")
def test_measures_are_those_of_scikit_learn_and_parts_add_up_but_for_the_last_bits() -> None:
    random = np.random.default_rng(1)
    truth = random.lognormal(3, 2, 1000)
    answers = truth + random.normal(0.5, 2, 1000)
    whole = RegressionQuality.of(answers, truth)
    expected = {
        "mae": metrics.mean_absolute_error(truth, answers),
        "rmse": metrics.root_mean_squared_error(truth, answers),
        "bias": (answers - truth).mean(),
    }
    assert whole.measures().values == pytest.approx(expected, rel=1e-12)
    parts = [RegressionQuality.of(answers[i::3], truth[i::3]) for i in range(3)]
    assert (parts[2] + (parts[0] + parts[1])).measures().values == pytest.approx(expected, rel=1e-12)
    assert RegressionQuality.from_json(json.loads(json.dumps(whole.to_json()))) == whole


def test_an_empty_window_and_rows_that_cannot_be_used_say_so() -> None:
    assert RegressionQuality().measures().missing == dict.fromkeys(NAMES, "empty_window")
    answers, truth = [np.nan, np.inf, 1e154, -1e154, 2.0], [1.0, np.inf, 0.0, 0.0, 1.0]
    spoilt = RegressionQuality.of(np.array(answers), np.array(truth))
    assert (spoilt.rows, spoilt.unusable) == (1, 4)
    assert spoilt.measures().values == {"mae": 1.0, "rmse": 1.0, "bias": 1.0}
