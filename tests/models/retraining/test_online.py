"""What an online learner came to, as a candidate beside the champion."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.json import decode, encode

from models.bundle import Bundle, read_bundle
from models.churn import CHURN
from models.metrics import quality
from models.online import OnlineLearner
from models.prequential import WINDOW, Prequential
from models.retraining import LabelledRows, Learned, Order, Retrained, candidate_of
from models.simulate import simulate_customers
from models.training import encoded
from schemas.errors import InvalidRequest
from tests.models.retraining.conftest import drifted, labelled

ROWS = 3000


def learned(rows: LabelledRows, champion: Bundle) -> Learned:
    """Of all the rows."""
    learner, latest = OnlineLearner(CHURN), Prequential()
    matrix = encoded(rows.frame, CHURN)
    latest.add(rows.truth, learner.learn(matrix, rows.truth), champion.score(matrix), rows.scored_ms)
    return Learned(learner, latest, champion.version, rows.window, rows.window[1])


@pytest.fixture(scope="module")
def rows() -> LabelledRows:
    return drifted(ROWS, seed=4)


@pytest.fixture(scope="module")
def made(rows: LabelledRows, champion: Bundle) -> Retrained:
    return candidate_of(learned(rows, champion), rows, champion, Order())


@pytest.mark.contract("F4")
@pytest.mark.parametrize("seed", [4, 5])
def test_where_another_rule_holds_a_learner_beats_the_champion_that_has_stopped_learning(
    champion: Bundle, seed: int
) -> None:
    rows = drifted(ROWS, seed)
    made = candidate_of(learned(rows, champion), rows, champion, Order())
    verdict = made.report.verdict
    assert verdict.passed, verdict.reasons
    assert verdict.f1 > 0.85
    assert verdict.f1 - verdict.champion_f1 > 0.3
    assert made.report.candidate["log_loss"] < made.report.champion["log_loss"] / 2
    later, bundle = drifted(2000, seed + 10), read_bundle(made.files)
    assert quality(later.truth, bundle.score(encoded(later.frame, CHURN)), bundle.threshold or 0)["f1"] > 0.85


@pytest.mark.contract("F4")
def test_both_are_measured_on_the_same_rows_after_those_that_chose_the_threshold(
    made: Retrained, rows: LabelledRows, champion: Bundle
) -> None:
    matrix, bundle = encoded(rows.frame, CHURN), read_bundle(made.files)
    answers = OnlineLearner(CHURN).learn(matrix, rows.truth)
    assert made.report.candidate == quality(rows.truth[-1000:], answers[-1000:], bundle.threshold or 0)
    champions = champion.score(matrix)[-1000:]
    assert made.report.champion == quality(rows.truth[-1000:], champions, champion.threshold or 0)
    assert bundle.manifest.metrics == made.report.candidate
    assert made.report.measured_on == "the latest 1000 rows, each answered before it was learned"


@pytest.mark.contract("F4")
def test_the_bundle_is_what_a_scorer_serves_and_says_where_it_came_from(
    made: Retrained, rows: LabelledRows, champion: Bundle
) -> None:
    bundle, came = read_bundle(made.files), learned(rows, champion)
    matrix = encoded(rows.frame, CHURN)
    assert np.abs(bundle.score(matrix) - came.learner.score(matrix)).max() < 1e-5
    assert (bundle.signature, bundle.manifest.algorithm) == (champion.signature, "online_logistic_regression")
    assert bundle.detector is not None
    assert bundle.manifest.training is not None
    assert (bundle.manifest.training.rows, bundle.manifest.training.trained_at) == (ROWS, rows.window[1])
    assert (made.report.rows, made.report.digest) == (ROWS, came.digest)
    assert candidate_of(came, rows, champion, Order()).files == made.files


@pytest.mark.contract("F4")
def test_one_that_is_no_better_does_not_pass(champion: Bundle) -> None:
    rows = labelled(simulate_customers(1500, seed=8))
    made = candidate_of(learned(rows, champion), rows, champion, Order(least_f1=0.99))
    assert "is below the least, 0.99" in made.report.verdict.reasons[0]


@pytest.mark.contract("F4")
@pytest.mark.parametrize(("first", "last"), [(0, 700), (0, 1), (1, 0)])
def test_latest_rows_of_one_class_are_refused(rows: LabelledRows, champion: Bundle, first: int, last: int) -> None:
    came = learned(rows, champion)
    came.latest.truth = (
        [first] * 1000 + came.latest.truth[1000:] if last > 1 else came.latest.truth[:1000] + [last] * 1000
    )
    with pytest.raises(InvalidRequest, match="each part, by time, needs 10 of both"):
        candidate_of(came, rows, champion, Order())


def test_a_champion_that_it_was_not_held_against_is_refused(rows: LabelledRows, champion: Bundle) -> None:
    with pytest.raises(InvalidRequest, match="held against 20261124-old"):
        candidate_of(replace(learned(rows, champion), champion_version="20261124-old"), rows, champion, Order())


def test_a_window_holds_the_latest_rows_however_many_come_and_is_the_same_after_it_was_kept() -> None:
    window = Prequential()
    random = np.random.default_rng(1)
    truth, scores, champion, times = (
        random.integers(0, 2, 5000),
        random.random(5000),
        random.random(5000),
        np.arange(5000),
    )
    for part in np.split(np.arange(5000), [1, 700, 4800]):
        window = decode(encode(window), type=Prequential)
        window.add(truth[part], scores[part], champion[part], times[part])
    assert window.scored_ms == list(range(5000 - WINDOW, 5000))
    assert window.scores == scores[-WINDOW:].tolist()
    assert (len(window.choosing.truth), len(window.measured.truth)) == (WINDOW // 2, WINDOW // 2)
    assert window.measured.champion.tolist() == champion[-WINDOW // 2 :].tolist()
