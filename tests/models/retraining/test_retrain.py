"""From labelled rows to a bundle that has been held against the champion."""

from dataclasses import replace

import numpy as np
import pytest

from models.bundle import Bundle, read_bundle
from models.churn import CHURN
from models.metrics import quality
from models.pipelines import ALGORITHMS
from models.retraining import STEPS, LabelledRows, Order, Retrained, by_time, retrain
from models.simulate import simulate_customers
from models.training import encoded
from schemas.errors import InvalidRequest
from tests.models.retraining.conftest import drifted, labelled

FAST = Order(algorithms=("gradient_boosting",))


@pytest.fixture(scope="module")
def made(champion: Bundle) -> Retrained:
    return retrain(drifted(2000, seed=4), champion, FAST)


@pytest.mark.contract("F4")
def test_where_another_rule_holds_the_candidate_is_better_than_the_champion_on_rows_neither_learned(
    made: Retrained, champion: Bundle
) -> None:
    verdict = made.report.verdict
    assert verdict.passed, verdict.reasons
    assert verdict.f1 > 0.85 > verdict.champion_f1
    later, bundle = drifted(2000, seed=5), read_bundle(made.files)
    matrix = encoded(later.frame, CHURN)
    f1 = [quality(later.truth, one.score(matrix), one.threshold or 0)["f1"] for one in (bundle, champion)]
    assert f1[0] > 0.85
    assert f1[0] - f1[1] > 0.2


@pytest.mark.contract("F4")
def test_the_figures_are_of_the_latest_fifth_and_of_both_models_on_the_same_rows(
    made: Retrained, champion: Bundle
) -> None:
    rows, bundle = drifted(2000, seed=4), read_bundle(made.files)
    latest = encoded(rows.frame, CHURN)[1600:]
    for one, said in ((bundle, made.report.candidate), (champion, made.report.champion)):
        assert said == quality(rows.truth[1600:], one.score(latest), one.threshold or 0)
    assert bundle.manifest.metrics == made.report.candidate


@pytest.mark.no_cover
@pytest.mark.contract("F4")
def test_the_same_rows_give_the_same_bytes_and_others_do_not(champion: Bundle) -> None:
    rows = drifted(600, seed=4)
    made = retrain(rows, champion, FAST)
    assert retrain(drifted(600, seed=4), champion, FAST).files == made.files
    other = rows.truth.copy()
    other[0] = 1 - other[0]
    assert retrain(replace(rows, truth=other), champion, FAST).report.version != made.report.version


def test_the_bundle_says_what_it_was_made_of(made: Retrained, champion: Bundle) -> None:
    rows = drifted(2000, seed=4)
    training = read_bundle(made.files).manifest.training
    assert training is not None
    assert (training.trained_at, training.window) == (rows.window[1], rows.window)
    assert training.source == {
        "query": {"model": "churn", "days_back": 90},
        "rows": 2000,
        "digest": rows.digest,
        "first": rows.window[0].isoformat(),
        "last": rows.window[1].isoformat(),
    }
    assert (made.report.rows, made.report.digest) == (2000, rows.digest)
    assert made.report.champion_version == champion.version


@pytest.mark.contract("F4")
def test_a_candidate_that_is_no_better_does_not_pass_and_is_reported_all_the_same(champion: Bundle) -> None:
    made = retrain(labelled(simulate_customers(1500, seed=8)), champion, replace(FAST, least_f1=0.99))
    assert not made.report.verdict.passed
    assert "is below the least, 0.99" in made.report.verdict.reasons[0]
    assert read_bundle(made.files).version == made.report.version


def test_each_algorithm_is_tried_and_the_one_of_least_loss_taken(champion: Bundle) -> None:
    seen: list[str] = []
    made = retrain(drifted(800, seed=6), champion, Order(), seen.append)
    assert tuple(seen) == STEPS
    losses = [one.mean_loss for one in made.report.tried]
    assert losses == sorted(losses)
    assert {one.algorithm for one in made.report.tried} == set(ALGORITHMS)
    assert read_bundle(made.files).manifest.algorithm == made.report.tried[0].algorithm


@pytest.mark.contract("F4")
@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_are_refused(champion: Bundle, label: int) -> None:
    rows = drifted(600, seed=1)
    with pytest.raises(InvalidRequest, match="each part, by time, needs 10 of both"):
        retrain(replace(rows, truth=np.full(600, label)), champion, FAST)


def test_no_rows_and_too_few_and_rows_against_the_signature_are_refused_by_name(champion: Bundle) -> None:
    with pytest.raises(InvalidRequest, match="no labelled rows"):
        retrain(drifted(600, seed=1).part(0), champion, FAST)
    with pytest.raises(InvalidRequest, match="49 rows are too few"):
        retrain(drifted(600, seed=1).part(49), champion, FAST)
    rows = drifted(600, seed=1)
    with pytest.raises(InvalidRequest, match="email_open_rate"):
        retrain(replace(rows, frame=rows.frame.assign(email_open_rate=2.0)), champion, FAST)


@pytest.mark.contract("F4")
def test_parts_follow_each_other_and_no_moment_is_in_two() -> None:
    truth = np.tile([0, 1], 500).astype(np.intp)
    times = np.repeat(np.arange(100), 10).astype(np.int64)
    times[580:610] = 58
    times[790:850] = 79
    parts = by_time(truth, times)
    assert np.array_equal(np.concatenate(parts), np.arange(1000))
    for before, after in ((parts.fitting, parts.validation), (parts.validation, parts.held_out)):
        assert times[before].max() < times[after].min()
    assert (len(parts.fitting), len(parts.held_out)) == (610, 210)


def test_rows_that_were_all_asked_at_once_are_parted_all_the_same() -> None:
    parts = by_time(np.tile([0, 1], 500).astype(np.intp), np.repeat([1, 2], 500).astype(np.int64))
    assert [len(part) for part in parts] == [600, 200, 200]


def test_rows_out_of_order_or_of_different_lengths_are_none() -> None:
    rows = drifted(100, seed=1)
    with pytest.raises(InvalidRequest, match="order of their times"):
        replace(rows, scored_ms=rows.scored_ms[::-1].copy())
    with pytest.raises(InvalidRequest, match="not of the same rows"):
        LabelledRows(rows.frame, rows.truth[:-1], rows.scored_ms, {})


def test_the_digest_is_of_the_rows_and_not_of_how_they_are_laid_out() -> None:
    rows = drifted(100, seed=1)
    assert replace(rows, frame=rows.frame[rows.frame.columns[::-1]]).digest == rows.digest
    other = rows.frame.copy()
    other.iloc[7, 3] += 1
    assert replace(rows, frame=other).digest != rows.digest
