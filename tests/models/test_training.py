from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.bundle import Bundle, read_bundle
from models.churn import CHURN, LABEL
from models.drift import Sketch, reference_of
from models.drift.ks import KS
from models.features import encode
from models.onnx import load
from models.pipelines import ALGORITHMS, build, convert
from models.profile import ANSWERS, answer_column
from models.simulate import customer_rows
from models.tabular import infer_signature, rows_of, truth_of
from models.training import STEPS, train
from schemas.errors import InvalidRequest
from tests.models.conftest import TRAINED_AT


def trained(frame: pd.DataFrame, label: str = LABEL, **changes: Any) -> dict[str, bytes]:
    return train(frame, label, **({"signature": CHURN, "name": "churn", "trained_at": TRAINED_AT} | changes))


def test_churn_is_learnable_but_not_given_away(bundle: Bundle) -> None:
    metrics = bundle.manifest.metrics
    assert 0.75 < metrics["roc_auc"] < 0.95
    assert metrics["f1"] > metrics["base_f1"] + 0.1


def test_the_manifest_holds_every_metric(bundle: Bundle) -> None:
    assert set(bundle.manifest.metrics) == {
        *("roc_auc", "f1", "precision", "recall", "accuracy", "log_loss", "brier"),
        *("base_rate", "base_f1", "rows"),
    }


@pytest.mark.no_cover
def test_training_twice_gives_the_same_bytes(
    customers: pd.DataFrame, published: Mapping[str, Mapping[str, bytes]]
) -> None:
    for algorithm in ("logistic_regression", "gradient_boosting"):
        assert trained(customers, algorithm=algorithm, seed=3) == published[algorithm]


def test_a_graph_names_its_operator_sets_in_one_order_whatever_the_process() -> None:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    named = [(one.domain, one.version) for one in onnx.load_model_from_string(convert(pipeline, 1)).opset_import]
    assert len(named) > 1
    assert named == sorted(named)


@pytest.mark.no_cover
def test_another_seed_gives_another_model(customers: pd.DataFrame, files: dict[str, bytes]) -> None:
    assert trained(customers, seed=4) != files


def test_a_version_may_be_given(customers: pd.DataFrame) -> None:
    assert read_bundle(trained(customers.head(200), version="v7")).version == "v7"


def test_progress_names_each_step_as_it_begins(customers: pd.DataFrame) -> None:
    seen: list[str] = []
    trained(customers.head(200), progress=seen.append)
    assert tuple(seen) == STEPS


@pytest.mark.no_cover
@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_onnx_gives_the_probabilities_of_scikit_learn(customers: pd.DataFrame, algorithm: str) -> None:
    matrix = encode(CHURN, rows_of(customers, CHURN)).matrix
    truth = np.array(truth_of(customers, LABEL, CHURN))
    pipeline = build(CHURN, algorithm, seed=0).fit(matrix[:1000], truth[:1000])
    served = load(convert(pipeline, 21), CHURN).score(matrix)
    assert np.abs(served - pipeline.predict_proba(matrix)[:, 1]).max() < 1e-5


@pytest.mark.no_cover
@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_any_table_can_be_learned_shown_on_breast_cancer(algorithm: str) -> None:
    frame = load_breast_cancer(as_frame=True).frame
    signature = infer_signature(frame, "target")
    files = trained(frame, "target", signature=signature, name="tumour", algorithm=algorithm)
    bundle = read_bundle(files)
    assert bundle.manifest.metrics["roc_auc"] > 0.95
    scores = bundle.score(encode(signature, rows_of(frame, signature)).matrix)
    answers = np.array(bundle.labels(scores))
    assert (answers == frame["target"].to_numpy()).mean() > 0.9


@pytest.mark.no_cover
@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_texts_alone_can_be_learned(algorithm: str) -> None:
    frame = pd.DataFrame({"colour": ["red", "blue"] * 60, "left": ["yes", "no"] * 60})
    signature = infer_signature(frame, "left")
    bundle = read_bundle(trained(frame, "left", signature=signature, algorithm=algorithm))
    matrix = encode(signature, [{"colour": "red"}, {"colour": "blue"}]).matrix
    assert bundle.labels(bundle.score(matrix)) == ["yes", "no"]


def test_the_reference_profile_counts_every_fitted_row(bundle: Bundle) -> None:
    manifest = bundle.manifest
    for feature in CHURN.features:
        profile = manifest.profile[feature.name]
        counts = profile["counts"]
        if feature.type == "str":
            assert sum(counts.values()) + profile["unseen"] == manifest.training.rows
        else:
            assert len(counts) == len(profile["edges"]) + 1
            assert sum(counts) == manifest.training.rows


def test_the_profile_holds_the_answers_to_rows_that_were_not_fitted(bundle: Bundle) -> None:
    """A forest is surer of the rows it grew from than of any that come later."""
    others = bundle.manifest.profile[ANSWERS]
    assert sum(others["counts"]) == bundle.manifest.training.rows * 2 // 3
    known = reference_of(bundle.signature, bundle.manifest.profile)
    assert known is not None
    matrix = encode(CHURN, customer_rows(2000, seed=77)).matrix
    sketch = Sketch(known)
    sketch.add(matrix, answer_column(bundle.signature, bundle.score(matrix)))
    answers = sketch.distribution(len(CHURN.features))
    assert answers.reference.name == "churn_probability"
    assert KS().measure(answers).distance < 0.07


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "../churn"}, "is no model name"),
        ({"name": "metrics"}, "as GET /router/metrics is taken: choose another"),
        ({"algorithm": "oracle"}, "unknown algorithm 'oracle': choose one of logistic_regression"),
        ({"label": "gone"}, "no column 'gone'"),
    ],
)
def test_impossible_orders_are_refused(customers: pd.DataFrame, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        trained(customers.head(200), **changes)


def test_too_few_rows_are_refused(customers: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match="49 rows are too few"):
        trained(customers.head(49))


def test_too_few_of_one_class_are_refused(customers: pd.DataFrame) -> None:
    lonely = customers.head(100).assign(churned=[1, *[0] * 99])
    with pytest.raises(InvalidRequest, match="fewer than 5 rows of one class"):
        trained(lonely)


def test_training_rows_obey_the_signature_they_are_served_under(customers: pd.DataFrame) -> None:
    broken = customers.head(100).copy()
    broken.loc[broken.index[7], "email_open_rate"] = 1.5
    with pytest.raises(InvalidRequest, match="1 of 100 rows break the signature, first row 7: email_open_rate"):
        trained(broken)


def test_customers_of_high_risk_score_higher(bundle: Bundle) -> None:
    (row,) = customer_rows(1, seed=1)
    calm = row | {"website_visits_30d": 40, "days_since_last_order": 1, "failed_payment_count": 0}
    leaving = row | {"website_visits_30d": 0, "days_since_last_order": 200, "failed_payment_count": 4}
    low, high = bundle.score(encode(CHURN, [calm, leaving]).matrix)
    assert high > low + 0.2
