import numpy as np
from sklearn.ensemble import IsolationForest as Forest

from models.outliers.isolation_forest import TREES
from tests.models.outliers.conftest import customers, detector_of


def test_scores_are_those_of_scikit_learn() -> None:
    forest = Forest(n_estimators=TREES, random_state=3).fit(customers(4000, 1))
    rows = customers(2000, 7)
    found = detector_of("isolation_forest").score(rows)
    assert np.abs(found + forest.score_samples(rows)).max() < 1e-6
