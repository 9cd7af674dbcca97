"""Promotions under continuous peeking: how many of 2000 simulated runs, looked at after every batch, end in which way.

`judge` compares bounds with margins. For so many runs that is done for all at once, and `judge` is asked at some looks
whether it says the same.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.evidence import Pairs
from models.evidence.bounds import evidence_paired, lower, upper
from tests.models.evidence.runs import (
    COUNTS,
    LOOKS,
    RUNS,
    Floats,
    at_every_look,
    brier_losses,
    generator,
    hits,
    sums,
)
from tests.models.evidence.tallies import CANARY, CHALLENGE, judged, served, tried, with_thresholds

ALPHA = CANARY.thresholds.alpha
OPEN: dict[str, Any] = {"requests": 1, "labels": 1}
"""Thresholds by which looks are judged from the first on: the worst case for false promotions."""

Flags = npt.NDArray[np.bool_]


def promoted_apart(champion: Floats, candidate: Floats, margin: float) -> Flags:
    """At each look, whether two arms show the candidate to be within the margin."""
    highs = at_every_look(upper, candidate, ALPHA / 2) - at_every_look(lower, champion, ALPHA / 2)
    return np.asarray(highs < margin)


def pairs_at(run: int, look: int, champion: Floats, candidate: Floats, squares: Floats) -> Pairs:
    count = int(COUNTS[look])
    return Pairs(count, *(float(each[run, look]) for each in (champion, candidate, squares)))


@pytest.mark.no_cover
@pytest.mark.contract("T4")
@pytest.mark.parametrize(
    ("measure", "rates", "margin"), [("errors", (0.02, 0.04), 0.02), ("loss", (0.2, 0.2), 0.0)], ids=["edge", "a/a"]
)
def test_two_arms_promote_falsely_in_no_more_runs_than_alpha(
    measure: Any, rates: tuple[float, float], margin: float
) -> None:
    draws = generator()
    champion, candidate = (hits(rate, RUNS, draws) for rate in rates)
    promoted = promoted_apart(champion, candidate, margin)
    assert promoted.any(axis=1).mean() <= ALPHA
    plan = with_thresholds(CANARY, **OPEN)
    for run, look in [*np.argwhere(promoted)[:5], *np.argwhere(~promoted)[:5]]:
        count = int(COUNTS[look])
        its, ours = (served(count, **counted(measure, count, int(each[run, look]))) for each in (champion, candidate))
        assert (judged(plan, (measure,), ours, its).outcome == "promote") == promoted[run, look]


def counted(measure: str, count: int, total: int) -> dict[str, int]:
    return {"errors": total} if measure == "errors" else {"labels": count, "loss": total}


@pytest.mark.contract("T4")
def test_pairs_of_equally_good_models_promote_falsely_in_no_more_runs_than_alpha() -> None:
    """A/A on labels: both probabilities are as far off the truth, Brier losses, strictly better asked for."""
    champion, candidate = brier_losses(RUNS, 0.1, 0.1)
    ours, its, squares = sums(candidate), sums(champion), sums((candidate - champion) ** 2)
    promoted = evidence_paired(its - ours, squares) > np.log(1 / ALPHA)
    assert promoted.any(axis=1).mean() <= ALPHA
    plan = with_thresholds(CHALLENGE, **OPEN)
    for run, look in [*np.argwhere(promoted)[:5], *np.argwhere(~promoted)[:5]]:
        tally = tried(int(COUNTS[look]), {"loss": pairs_at(run, look, its, ours, squares)})
        assert (judged(plan, ("loss",), tally).outcome == "promote") == promoted[run, look]


@pytest.mark.contract("T4")
def test_pairs_at_the_margins_edge_promote_falsely_in_no_more_runs_than_alpha() -> None:
    """Of 100 requests 3 err in the candidate alone and 1 in the champion alone: 0.02 more, which is the margin."""
    alone = generator().multinomial(100, (0.03, 0.01, 0.96), (RUNS, LOOKS)).cumsum(axis=1)
    ours, its = alone[..., 0], alone[..., 1]
    promoted = evidence_paired(0.02 * COUNTS - (ours - its), ours + its) > np.log(1 / ALPHA)
    assert promoted.any(axis=1).mean() <= ALPHA


@pytest.mark.contract("T4")
def test_looking_again_and_again_with_an_ordinary_test_would_promote_far_more() -> None:
    """What the bounds are for, and that these runs can tell."""
    champion, candidate = brier_losses(400, 0.1, 0.1)
    gained, squares = sums(champion - candidate), sums((candidate - champion) ** 2)
    assert (gained > 1.645 * np.sqrt(squares)).any(axis=1).mean() > 3 * ALPHA


@pytest.mark.contract("T3", "T4")
def test_a_better_challenger_is_promoted_and_a_worse_one_rolled_back_within_2500_labels_in_nine_of_ten_runs() -> None:
    """Probabilities that are off by 0.15 against 0.05: Brier losses that differ by about 0.016."""
    worse, better = brier_losses(100, 0.15, 0.05)
    bad, good, squares = sums(worse), sums(better), sums((worse - better) ** 2)
    ended = {"promote": 0, "roll_back": 0}
    for run in range(len(bad)):
        for outcome, its, ours in (("promote", bad, good), ("roll_back", good, bad)):
            pairs = pairs_at(run, LOOKS - 1, its, ours, squares)
            ended[outcome] += judged(CHALLENGE, ("loss",), tried(pairs.count, {"loss": pairs})).outcome == outcome
    assert min(ended.values()) / len(bad) > 0.9


@pytest.mark.contract("T3")
def test_a_canary_with_six_in_a_hundred_more_errors_is_rolled_back_within_2500_requests_in_nine_of_ten_runs() -> None:
    draws = generator()
    champion, candidate = hits(0.01, 200, draws)[:, -1], hits(0.07, 200, draws)[:, -1]
    count = int(COUNTS[-1])
    ended = [
        judged(CANARY, ("errors", "slow"), served(count, int(ours)), served(count, int(its))).outcome
        for its, ours in zip(champion, candidate, strict=True)
    ]
    assert ended.count("roll_back") / len(ended) > 0.9
