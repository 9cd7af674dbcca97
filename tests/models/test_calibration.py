"""Probabilities that are put right, in the graph as in its formula."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from models.calibration import Platt, calibrated, fit
from models.churn import CHURN, LABEL
from models.features import encode
from models.onnx import load
from models.pipelines import ALGORITHMS, build, convert
from models.simulate import simulate_customers
from models.tabular import rows_of, truth_of

LINE = Platt(1.7, -0.4)


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_the_graph_answers_by_the_formula_and_each_row_as_if_it_were_alone(algorithm: str) -> None:
    frame = simulate_customers(400, seed=2)
    matrix = encode(CHURN, rows_of(frame, CHURN)).matrix
    graph = convert(build(CHURN, algorithm, seed=0).fit(matrix, truth_of(frame, LABEL, CHURN)), len(CHURN.names))
    plain, right = load(graph, CHURN), load(calibrated(graph, LINE), CHURN)
    together = right.score(matrix)
    assert np.abs(together - LINE(plain.score(matrix))).max() < 1e-6
    for size in (1, 2, 3, 7, 61):
        apart = [right.score(matrix[i : i + size]) for i in range(0, len(matrix), size)]
        assert np.array_equal(np.concatenate(apart), together)
    assert calibrated(graph, LINE) == calibrated(graph, LINE)


def overconfident(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose log odds are twice what they ought to be, and the truth."""
    random = np.random.default_rng(seed)
    odds = random.normal(size=rows)
    return 1 / (1 + np.exp(-2 * odds)), (random.uniform(size=rows) < 1 / (1 + np.exp(-odds))).astype(np.intp)


@pytest.mark.parametrize("seed", range(5))
def test_a_score_that_is_too_sure_is_put_right(seed: int) -> None:
    line = fit(*overconfident(4000, seed), seed=0)
    assert line is not None
    assert abs(line.slope - 0.5) < 0.1
    scores, truth = overconfident(4000, 100 + seed)
    assert log_loss(truth, line(scores)) < log_loss(truth, scores) - 0.03


def test_scores_that_are_right_or_few_or_the_wrong_way_round_stay_as_they_are() -> None:
    random = np.random.default_rng(3)
    sure = (random.uniform(size=400) < 0.5).astype(np.intp)
    assert fit(np.where(sure == 1, 0.1, 0.9), sure, seed=0) is None
    assert fit(np.array([0.2, 0.8] * 4), np.array([0, 1] * 4), seed=0) is None
    kept = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        scores = random.uniform(0.02, 0.98, size=3000)
        kept += fit(scores, (random.uniform(size=3000) < scores).astype(np.intp), seed=0) is None
    assert kept >= 12


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_certainty_stays_a_number(score: float) -> None:
    assert 0.0 < float(LINE(np.array([score]))[0]) < 1.0
