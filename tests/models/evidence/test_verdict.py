"""Verdicts: what each says, on what, and in which order."""

import json
import math
from typing import Any

import pytest

from models.evidence import ArmTally, Pairs, judge
from models.routing.base import Measure
from tests.models.evidence.tallies import CANARY, CHALLENGE, SHADOW, SPLIT, judged, served, tried, with_thresholds
from tests.models.routing.plans import plan

EVERY: tuple[Measure, ...] = ("errors", "slow", "disagreement", "loss")


@pytest.mark.contract("T3")
def test_a_candidate_as_good_as_its_champion_is_promoted_once_it_was_shown() -> None:
    verdict = judged(CANARY, SPLIT, served(20_000, 200, slow=100))
    assert verdict.outcome == "promote"
    assert verdict.reason.startswith("shown to be as good as asked for: errors 0.0100 against 0.0100 (difference -0.0")
    assert [(finding.measure, finding.says) for finding in verdict.findings] == [
        ("errors", "within"),
        ("slow", "within"),
    ]


@pytest.mark.contract("T3")
def test_what_is_not_shown_yet_is_held() -> None:
    verdict = judged(CANARY, SPLIT, served(2000, 50), served(2000, 20))
    assert verdict.outcome == "hold"
    assert "errors" in verdict.reason
    assert "slow" not in verdict.reason


@pytest.mark.contract("T3")
def test_what_is_past_its_margin_on_one_measure_is_rolled_back() -> None:
    verdict = judged(CANARY, SPLIT, served(2000, 300), served(2000, 20))
    assert verdict.outcome == "roll_back"
    [errors, slow] = verdict.findings
    assert (errors.says, slow.says) == ("past", "within")
    assert errors.difference.low > errors.margin == 0.02
    assert verdict.reason.startswith("shown to be worse than allowed: errors 0.1500 against 0.0100 (")


@pytest.mark.contract("T3")
def test_below_the_requests_asked_for_nothing_is_concluded() -> None:
    verdict = judged(CANARY, SPLIT, served(999, 999), served(999))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "too few requests: 999 of 1000")
    assert judged(CANARY, SPLIT, served(1000, 1000), served(1000)).outcome == "roll_back"


@pytest.mark.contract("T4")
def test_below_the_labels_asked_for_no_loss_is_looked_at_while_errors_are() -> None:
    better = {"loss": Pairs(499, 300, 10, 250), "errors": Pairs(5000, 10, 10, 0)}
    verdict = judged(CHALLENGE, ("errors", "loss"), tried(5000, better), served(5000))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "too few labels: 499 of 500")
    enough = {**better, "loss": Pairs(500, 300, 10, 250)}
    assert judged(CHALLENGE, ("errors", "loss"), tried(5000, enough), served(5000)).outcome == "promote"
    broken = {**better, "errors": Pairs(5000, 0, 900, 900)}
    assert judged(CHALLENGE, ("errors", "loss"), tried(5000, broken), served(5000)).outcome == "roll_back"


@pytest.mark.contract("T4")
def test_a_loss_margin_of_zero_asks_for_strictly_better() -> None:
    same = tried(10**6, {"loss": Pairs(10**6, 100_000, 100_000, 0)})
    assert judged(CHALLENGE, ("loss",), same).outcome == "hold"
    assert judged(with_thresholds(CHALLENGE, loss=0.001), ("loss",), same).outcome == "promote"


def test_at_a_margin_of_one_what_nobody_knows_better_is_not_within_it() -> None:
    verdict = judged(with_thresholds(CANARY, error_ratio=1.0), ("errors",), served(1000, 1000), served(0))
    assert [finding.says for finding in verdict.findings] == ["open"]


def test_pairs_show_what_two_arms_apart_do_not() -> None:
    loss = {"labels": 5000, "loss": 750.0}
    paired = tried(5000, {"loss": Pairs(5000, 800, 750, 50)})
    assert judged(CHALLENGE, ("loss",), paired).outcome == "promote"
    assert judged(CANARY, ("loss",), served(5000, **loss), served(5000, labels=5000, loss=800.0)).outcome == "hold"


@pytest.mark.parametrize(("disagreements", "outcome"), [(100, "promote"), (400, "hold"), (700, "roll_back")])
def test_shadows_are_held_to_how_often_they_disagree_in_all(disagreements: int, outcome: str) -> None:
    verdict = judged(SHADOW, ("disagreement",), tried(2000, {}, disagreements=disagreements), served(9000))
    assert verdict.outcome == outcome
    [finding] = verdict.findings
    assert (finding.difference.champion, finding.difference.samples) == (0.0, 2000)
    assert "against" not in verdict.reason


@pytest.mark.contract("T3")
def test_answers_without_labels_are_not_said_to_agree() -> None:
    pairs = {"errors": Pairs(9000, 0, 0, 0), "slow": Pairs(9000, 0, 0, 0)}
    numbers = {**tried(9000, pairs), "compared": 0}
    verdict = judged(SHADOW, ("errors", "disagreement", "slow"), numbers, served(9000))
    assert verdict.outcome == "inconclusive"
    assert verdict.reason.startswith("no answers have labels to compare")
    assert [finding.says for finding in verdict.findings] == ["within", "too_few", "within"]


@pytest.mark.contract("T3")
def test_arms_whose_entities_do_not_fit_the_weights_make_it_inconclusive_whatever_else_is_shown() -> None:
    for errors in (0, 20_000):
        verdict = judged(CANARY, SPLIT, served(20_000, errors), served(30_000))
        assert verdict.outcome == "inconclusive"
        assert "champion 30000 for 0.5, canary 20000 for 0.5 (p " in verdict.reason


def test_a_busy_entity_is_no_mismatch() -> None:
    assert judged(CANARY, SPLIT, {**served(20_000), "served": 90_000}, served(20_000)).outcome == "promote"


def test_where_one_arm_answers_everything_there_is_no_sample_ratio() -> None:
    assert judged(SHADOW, ("errors",), tried(2000, {"errors": Pairs(2000, 0, 0, 0)}), served(9000)).sample_ratio is None


@pytest.mark.contract("T1")
@pytest.mark.parametrize("pairs", [{}, {measure: Pairs(0, 0, 0, 0) for measure in ("errors", "slow", "loss")}])
def test_without_traffic_every_number_is_0_and_nothing_is_concluded(pairs: dict[Any, Pairs]) -> None:
    verdict = judged(CANARY, EVERY, {"pairs": pairs})
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "too few requests: 0 of 1000")
    for finding in verdict.findings:
        found = finding.difference
        assert (found.champion, found.candidate, found.seen, found.samples) == (0, 0, 0, 0)
        assert (found.low, found.high) == (0 if finding.measure == "disagreement" else -1, 1)


def test_arms_that_were_not_counted_did_nothing() -> None:
    assert judge(CANARY, "v2", {}, SPLIT) == judged(CANARY, SPLIT, {})


@pytest.mark.contract("T1")
def test_a_verdict_is_json_without_infinities_for_any_traffic() -> None:
    three = plan("bandit", ("a", "v1", 0.5), ("b", "v2", 0.5), ("c", "v3", 0.0))
    for counts in ({}, served(10**7, 10**7, slow=10**7, labels=10**7, loss=1e7)):
        tallies = {arm.name: ArmTally(arm.name, arm.version, **counts) for arm in three.arms}
        said = judge(three, "v2", tallies, EVERY).to_json()
        assert json.loads(json.dumps(said, allow_nan=False)) == said
        assert said["sample_ratio"]["fits"] == (not counts)
        for finding in said["findings"]:
            assert all(math.isfinite(finding[name]) for name in ("champion", "candidate", "difference", "low", "high"))
            assert finding["low"] <= finding["difference"] <= finding["high"]


def test_the_numbers_of_each_measure_are_told() -> None:
    said = judged(CANARY, ("errors",), served(4000, 80), served(4100, 41)).to_json()
    assert {name: said[name] for name in ("champion", "candidate", "alpha")} == {
        "champion": "v1",
        "candidate": "v2",
        "alpha": 0.05,
    }
    [errors] = said["findings"]
    told = ("measure", "champion", "candidate", "difference", "margin", "samples", "champion_samples", "paired", "says")
    assert [errors[name] for name in told] == ["errors", 0.01, 0.02, 0.01, 0.02, 4000, 4100, False, "open"]


@pytest.mark.contract("T4")
@pytest.mark.parametrize("candidates", [2, 7])
def test_of_several_candidates_each_is_held_to_its_part_of_alpha(candidates: int) -> None:
    """Each look has as many chances of a false promotion as there are candidates."""
    shadows = [(f"s{number}", f"v{number}", 0.0) for number in range(2, 2 + candidates)]
    several = plan("shadow", ("champion", "v1", 1.0), *shadows)
    counts = tried(2000, {"errors": Pairs(2000, 0, 20, 20)})
    tallies = {name: ArmTally(name, version, **counts) for name, version, _ in shadows}
    [found] = judge(several, "v2", tallies, ("errors",)).findings
    alone = with_thresholds(SHADOW, alpha=SHADOW.thresholds.alpha / candidates)
    [wanted] = judged(alone, ("errors",), counts, {}).findings
    assert found.difference == wanted.difference
    assert found.difference.high > judged(SHADOW, ("errors",), counts, {}).findings[0].difference.high


def test_to_promote_the_champion_nothing_has_to_be_shown() -> None:
    assert judge(CANARY, "v1", {}, SPLIT).outcome == "promote"
    assert judge(plan("ab", ("a", "v1", 0.5), ("b", "v1", 0.5)), "v1", {}, SPLIT).outcome == "inconclusive"


def test_a_strategy_that_needs_nothing_promotes_at_once() -> None:
    assert judge(CANARY, "v2", {}, ()).outcome == "promote"


def test_an_unknown_version_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"^version v9 is no arm of this route; known are v1, v2$"):
        judge(CANARY, "v9", {}, SPLIT)
