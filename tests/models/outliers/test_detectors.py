"""What holds for every outlier detector."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.churn import CHURN
from models.outliers import DETECTORS, Detector, Order, fitted, load
from models.outliers.base import Matrix, Outliers
from models.outliers.fitting import threshold_of
from models.profile import reference_profile
from models.signature import Feature, Signature
from schemas.errors import InvalidRequest
from tests.models.outliers.conftest import customers, detector_of


def test_scores_are_one_for_each_row_from_0_to_1(detector: Detector) -> None:
    scores = detector.score(customers(500, 4))
    assert scores.shape == (500,)
    assert scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()


def test_no_rows_have_no_scores(detector: Detector) -> None:
    nothing = np.empty((0, 21), dtype=np.float32)
    assert detector.score(nothing).shape == (0,)
    assert detector.stand_out(nothing, np.empty(0)) == []


def test_a_row_scores_alike_whatever_shares_its_batch(detector: Detector) -> None:
    rows = customers(300, 4)
    alone = np.concatenate([detector.score(rows[i : i + 1]) for i in range(len(rows))])
    assert np.array_equal(alone, detector.score(rows))


def test_strange_rows_score_higher_than_ordinary_ones(detector: Detector, strange: Matrix) -> None:
    scores = np.concatenate([detector.score(customers(300, 4)), detector.score(strange)])
    assert roc_auc_score(np.repeat([0, 1], 300), scores) > 0.9


@pytest.mark.contract("D4")
@pytest.mark.parametrize("contamination", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("name", DETECTORS)
def test_rows_that_were_never_seen_are_flagged_at_the_configured_rate(name: str, contamination: float) -> None:
    """Within three standard errors: those of the held-out rows and of the rows that the threshold was taken from."""
    detector = detector_of(name, contamination)
    flagged = detector.flags(detector.score(customers(20_000, 6))).mean()
    error = np.sqrt(contamination * (1 - contamination) * (1 / 20_000 + 1 / 2000))
    assert abs(flagged - contamination) < 3 * error


@pytest.mark.parametrize(
    ("scores", "contamination", "expected"),
    [
        (range(1, 100), 0.05, 95),  # 5 of 100 places for another score are above it
        (range(1, 99), 0.05, 95),  # as many as there can be without more than 5 %
        (range(1, 10), 0.05, 9),  # too few for 5 %: the largest
        ([7] * 50, 0.05, 7),
    ],
)
def test_the_threshold_is_what_another_score_exceeds_as_often_as_configured(
    scores: list[int], contamination: float, expected: float
) -> None:
    assert threshold_of(np.array(scores, dtype=np.float64), contamination) == expected


def test_rows_that_are_all_alike_flag_nothing_but_others(detector: Detector) -> None:
    signature = Signature((Feature("x", "float"), Feature("colour", "str", categories=("red",))), "y")
    constant = np.tile(np.float32([3.0, 1.0]), (60, 1))
    profile = reference_profile(signature, constant)
    said, graph = fitted(Order(detector.said.detector), signature, constant, constant[:20], profile, 0)
    known = load(graph, said, signature, profile)
    assert not known.flags(known.score(constant)).any()
    assert Outliers.from_json(said.to_json()).rows == 20


def test_what_is_no_number_is_no_outlier(detector: Detector) -> None:
    assert detector.flags(np.array([np.nan, 1.0, 0.0])).tolist() == [False, True, False]


@pytest.mark.no_cover
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(detector: Detector) -> None:
    fitting, profile = customers(4000, 1)[:500], reference_profile(CHURN, customers(4000, 1))
    name = Order(detector.said.detector)
    first, again, other = (fitted(name, CHURN, fitting, fitting, profile, seed) for seed in (3, 3, 4))
    assert first == again
    assert first[1] != other[1]


def test_the_features_that_stand_out_are_those_that_are_odd(detector: Detector) -> None:
    rows = np.tile(np.float32(detector.said.typical), (2, 1))
    first, second = CHURN.names.index("support_tickets_open"), CHURN.names.index("email_open_rate")
    rows[0, first] = 40
    rows[1, second] = 1.0
    found = detector.stand_out(rows, detector.score(rows))
    assert [[shown.feature for shown in row] for row in found] == [["support_tickets_open"], ["email_open_rate"]]
    [shown] = found[0]
    assert (shown.value, shown.typical) == (40.0, detector.said.typical[first])
    assert shown.fall > 0


def test_at_most_three_features_stand_out_the_largest_fall_first(detector: Detector, strange: Matrix) -> None:
    found = detector.stand_out(strange, detector.score(strange))
    assert {len(row) for row in found} == {3}
    assert all(row[0].fall >= row[1].fall >= row[2].fall > 0 for row in found)


def test_many_rows_stand_out_as_they_do_alone(detector: Detector, strange: Matrix) -> None:
    many = np.concatenate([strange, strange])  # more than are scored at once
    scores = detector.score(many)
    found = detector.stand_out(many, scores)
    assert [found[i] for i in (0, 599)] == [detector.stand_out(many[i : i + 1], scores[i : i + 1])[0] for i in (0, 599)]


def test_an_unknown_detector_is_told_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"unknown outlier detector 'oracle'.*isolation_forest, half_space_trees"):
        fitted(Order("oracle"), CHURN, customers(60, 1), customers(60, 1), None, 0)


@pytest.mark.parametrize("contamination", [0.0, -0.1, 0.51, float("nan")])
def test_a_contamination_that_is_no_share_is_refused(contamination: float) -> None:
    with pytest.raises(InvalidRequest, match=r"contamination .* is no share of outliers: give a number above 0"):
        Order(contamination=contamination)
