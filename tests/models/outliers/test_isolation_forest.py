import numpy as np
from sklearn.ensemble import IsolationForest as Forest

from models import onnx
from models.outliers.isolation_forest import TREES, IsolationForest
from models.outliers.trees import graph
from models.signature import Feature, Signature
from tests.models.outliers.conftest import customers, detector_of


def test_scores_are_those_of_scikit_learn() -> None:
    forest = Forest(n_estimators=TREES, random_state=3).fit(customers(4000, 1))
    rows = customers(2000, 7)
    found = detector_of("isolation_forest").score(rows)
    assert np.abs(found + forest.score_samples(rows)).max() < 1e-6


def test_rows_on_a_cut_go_where_scikit_learn_sends_them() -> None:
    """Cuts are float64 and features float32: the nearest float32 of a cut may part other rows."""
    seen = np.float32([[1.0], [np.nextafter(np.float32(1), np.float32(2))]] * 40)
    forest = Forest(n_estimators=TREES, random_state=0).fit(seen)
    method = IsolationForest()
    signature = Signature((Feature("x", "float"),), "y", (), "regression")
    scorer = onnx.load(graph(method.fit(seen, 0), 1, strict=method.strict), signature)
    assert np.abs(method.scores(scorer.score(seen)) + forest.score_samples(seen)).max() < 1e-6
