"""An estimate from how many answers lay between which scores is close to that from the scores themselves."""

import numpy as np
import pytest

from models.grid import grid
from models.quality import Answered, estimate
from models.quality.binned import answered_between
from models.signature import FloatVector


def binned(scores: FloatVector, reference: FloatVector, threshold: float) -> Answered:
    """As a sketch on the reference's grid counts them."""
    edges = grid(reference.astype(np.float32), whole=False)[0].astype(np.float64)
    counts = np.bincount(np.searchsorted(edges, scores, side="left"), minlength=len(edges) + 1).astype(float)
    below = float((edges[0] - scores[scores <= edges[0]]).sum())
    above = float((scores[scores > edges[-1]] - edges[-1]).sum())
    return answered_between(edges, counts, threshold, below, above)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.6, 1.0])
@pytest.mark.parametrize("shape", [(0.5, 0.5), (2.0, 5.0), (1.0, 1.0)])
def test_it_is_within_a_hundredth_of_the_exact_one(shape: tuple[float, float], threshold: float) -> None:
    random = np.random.default_rng(1)
    scores, reference = random.beta(*shape, 5000), random.beta(1.0, 1.5, 4000)
    exact = estimate(Answered.of(scores, scores >= threshold))
    found = estimate(binned(scores, reference, threshold))
    assert (found.rows, found.missing.keys()) == (exact.rows, exact.missing.keys())
    assert found.values == pytest.approx(exact.values, abs=0.01)


@pytest.mark.parametrize("threshold", [0.2, 0.35, 0.7])
def test_a_threshold_that_many_scores_are_exactly_at_is_passed_by_them(threshold: float) -> None:
    """As trees and tables of categories answer, whose threshold is one of their few scores."""
    scores = np.random.default_rng(2).choice(np.float32([0.2, 0.35, 0.7]), 5000).astype(np.float64)
    at = float(np.float32(threshold))
    exact = estimate(Answered.of(scores, scores >= at))
    assert estimate(binned(scores, scores, at)).values == pytest.approx(exact.values)


def test_scores_beyond_all_of_the_reference_count_where_they_are_on_average() -> None:
    reference = np.linspace(0.4, 0.6, 50)
    found = binned(np.array([0.1, 0.2, 0.9]), reference, 0.5)
    assert found.cells.sum(axis=1).tolist() == [2, 1]
    assert found.cells[0, 150] == 2
    assert found.cells[1, 900] == 1


def test_no_rows_are_an_empty_window() -> None:
    assert estimate(binned(np.zeros(0), np.linspace(0, 1, 30), 0.5)).missing["accuracy"] == "empty_window"
