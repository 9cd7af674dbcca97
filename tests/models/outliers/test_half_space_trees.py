import numpy as np
import pytest
from river.anomaly import HalfSpaceTrees as Trees

from models.outliers.half_space_trees import HEIGHT, TREES, WINDOW, drawn, laid_out
from tests.models.outliers.conftest import customers, detector_of


@pytest.mark.no_cover
def test_scores_are_those_of_river() -> None:
    fitting, rows = customers(4000, 1), customers(500, 7)
    low, span = laid_out(fitting)
    trees = Trees(n_trees=TREES, height=HEIGHT, window_size=WINDOW, seed=3)
    for row in ((drawn(fitting, 3) - low) / span).tolist():
        trees.learn_one(dict(enumerate(row)))
    expected = [trees.score_one(dict(enumerate(row))) for row in ((rows - low) / span).tolist()]
    assert np.abs(detector_of("half_space_trees").score(rows) - expected).max() < 1e-6
